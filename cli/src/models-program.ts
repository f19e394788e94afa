import type { Command } from 'commander';
import { dataOption } from './places.js';

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
const modelsOption = ['--models <dir>', 'folder of models (default: the last of $TESSERA_MODELS, or models in the data folder)'] as const;

export function addModels(program: Command): void {
  const models = program.command('models').description('list, add and remove models and adapters');
  models
    .command('list')
    .description('list the models in the folders of models')
    .option(...modelsOption)
    .option('--json', 'print JSON')
    .option(...dataOption)
    .addHelpText('after', '\nExample:\n  tessera models list')
    .action(async (options) => (await import('./commands/models.js')).listModels(options));
  models
    .command('add')
    .description(
      "add a checkpoint as people have it: a .safetensors file, a folder that diffusers has saved, or one of the hub's cache; or a LoRA file, with --to",
    )
    .argument('<from>', 'the file or folder')
    .option('--id <id>', 'how requests name it: lower-case letters, digits, dots and dashes (default: from its name)')
    .option('--name <name>', 'what people read')
    .option('--description <text>', 'a sentence for people')
    .option('--license <license>', 'under which it may be used, where nothing beside the weights says it')
    .option('--source <where>', 'where it comes from (default: the repository of the hub, or the name of the file)')
    .option('--alias <name>', 'another name that requests may use; again for more', collect, [])
    .option('--leonardo-id <uuid>', "the id by which Leonardo's clients ask for it")
    .option('--class <name>', 'the diffusers class, where the file does not tell, for example FluxKontextPipeline')
    .option(
      '--config <dir>',
      'a saved pipeline of the same architecture: settings, tokenizers and encoders for a single file that lacks them',
    )
    .option('--dtype <type>', 'float16, bfloat16 or float32, which a CPU needs (default: float16 for SD and SDXL, else bfloat16)')
    .option('--side <px>', 'side of the squares that it was trained on (default: 512 for SD 1.5, else 1024)')
    .option('--max-side <px>', 'longest side that may be asked for (default: twice that)')
    .option('--link', 'link to the weights instead of copying them; they must stay where they are')
    .option('--to <id>', 'the model that an adapter belongs to')
    .option(...modelsOption)
    .option('--json', 'print JSON')
    .option(...dataOption)
    .addHelpText(
      'after',
      `
Examples:
  tessera models add ~/Downloads/juggernautXL.safetensors --license openrail++ --id juggernaut
  tessera models add ~/.cache/huggingface/hub/models--Tongyi-MAI--Z-Image-Turbo
  tessera models add flux-dev.safetensors --config ~/flux-schnell --license flux-1-dev-non-commercial
  tessera models add pixel-art.safetensors --to juggernaut

Checkpoints run with: tessera up --engine python. Nothing is fetched from anywhere.`,
    )
    .action(async (from: string, options) => (await import('./commands/models.js')).add(from, options));
  models
    .command('remove')
    .description('remove a model that was added, and its files')
    .argument('<id>', 'its id')
    .option(...modelsOption)
    .option(...dataOption)
    .addHelpText('after', '\nExample:\n  tessera models remove juggernaut')
    .action(async (id: string, options) => (await import('./commands/models.js')).removeModel(id, options));
}
