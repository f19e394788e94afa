import type { Command } from 'commander';
import { dataOption } from './places.js';

/** What is done with pictures that are there. */
export function addPictures(program: Command): void {
  const shared = (command: Command) =>
    command
      .option('-m, --model <id>', "a model whose own means are taken, where it has some (default: the server's)")
      .option('-o, --out <path>', 'folder or file for the picture', '.')
      .option('--engine <name>', 'engine of a server started for this command: onnx, noop or triton')
      .option('--dry-run', 'show what it would cost and do nothing')
      .option('--json', 'print one JSON object instead of text')
      .option('-q, --quiet', 'print only the name of the file')
      .option(...dataOption);
  shared(
    program
      .command('upscale')
      .description('enlarge a picture: a file, or one that the server has')
      .argument('<picture>', 'PNG, JPEG or WebP file, or the id of a picture')
      .option('-f, --factor <number>', 'how many times as large, up to 8 (default: 2); at most 20 megapixels come out')
      .option('--width <pixels>', 'in place of a factor')
      .option('--height <pixels>', 'in place of a factor'),
  )
    .addHelpText('after', '\nExamples:\n  tessera upscale cats.png --factor 4\n  tessera upscale cats.png --width 5000 --out poster.png')
    .action(async (picture: string, options) => {
      const { upscale } = await import('./commands/pictures.js');
      process.exitCode = await upscale(picture, options);
    });
  shared(
    program
      .command('cut-out')
      .description('take the background of a picture away: a PNG with transparency')
      .argument('<picture>', 'PNG, JPEG or WebP file, or the id of a picture'),
  )
    .addHelpText('after', '\nExample:\n  tessera cut-out cats.png --out cats-alone.png')
    .action(async (picture: string, options) => {
      const { cutOut } = await import('./commands/pictures.js');
      process.exitCode = await cutOut(picture, options);
    });
}
