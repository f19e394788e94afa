import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { libraryPath, unpackDebianPackages } from './debian-packages.js';
import { runProgram } from './installations.js';
import type { Installation, Launch, RunningServer, ServerOptions, ServerRecipe } from './running-server.js';
import { startServer } from './start-server.js';

/** NVIDIA publishes no package of the server alone; this wheel carries tritonserver 2.51 for CPU and GPU, with the python backend. Pinned by its hash. */
const wheel = 'nvidia-pytriton==0.7.0 --hash=sha256:21f063ff93bb426d0c06b7a55e7eb9efcfe62c0dddd9a908e9877e18710128df\n';
/** What the model of ours imports. With numpy 2 this backend's outputs come back empty. */
const packages = ['numpy==1.26.4', 'onnxruntime==1.30.0'];
/** The wheel has a backend for them, and the packages have wheels. */
const pythonVersions = ['3.11', '3.12'];

const repositoryRoot = path.resolve(import.meta.dirname, '../../..');
const answerWithinMs = 2_000;

export type TritonOptions = ServerOptions & {
  /** Folder of Triton models; absent: ours, `deploy/triton/repository`. */
  readonly repository?: string;
  /** The weights that the model serves; absent: those that come with Tessera. */
  readonly modelsDir?: string;
  /** For the Python process of the model. */
  readonly env?: Readonly<Record<string, string>>;
  /** Folders in which the dynamic linker looks first. */
  readonly libraries?: readonly string[];
};

type Python = { readonly version: string; readonly libraries: string; readonly isShared: boolean; readonly home: string };

/** The machine's Python, whose version decides which backend is taken. */
async function python(): Promise<Python> {
  const question =
    'import sys, sysconfig as c; print(*sys.version_info[:2], sep="."); print(c.get_config_var("LIBDIR")); print(c.get_config_var("Py_ENABLE_SHARED")); print(sys.base_prefix)';
  const [version = '', libraries = '', isShared, home = ''] = (await runProgram('python3', ['-c', question])).trim().split('\n');
  return { version, libraries, isShared: isShared === '1', home };
}

async function install(folder: string): Promise<void> {
  const { version, libraries, isShared, home } = await python();
  if (!pythonVersions.includes(version))
    throw new Error(`Triton's models run on Python ${pythonVersions.join(' or ')}, and python3 is ${version}`);
  const requirements = path.join(folder, 'requirements.txt');
  await fs.writeFile(requirements, wheel);
  const pip = (...args: string[]) =>
    runProgram('python3', ['-m', 'pip', 'install', '--quiet', '--no-deps', '--no-warn-script-location', '--only-binary', ':all:', ...args]);
  const site = path.join(folder, 'site');
  await pip('--require-hashes', '--no-compile', '--target', site, '--requirement', requirements);
  const server = path.join(site, 'pytriton', 'tritonserver');
  const backend = path.join(server, 'backends', 'python');
  await fs.chmod(path.join(server, 'bin', 'tritonserver'), 0o755);
  const stub = path.join(backend, 'triton_python_backend_stub');
  await fs.copyFile(path.join(server, 'python_backend_stubs', version, 'triton_python_backend_stub'), stub);
  await fs.chmod(stub, 0o755);
  // The backend's process ignores PYTHONPATH; its own folder is on its path. Compiled, because it would compile at each start.
  await pip('--target', backend, ...packages);
  const hasLibrary = isShared && existsSync(path.join(libraries, `libpython${version}.so.1.0`));
  if (!hasLibrary) await unpackDebianPackages(folder, [`libpython${version}`]);
  await fs.writeFile(path.join(folder, 'python-libraries'), hasLibrary ? libraries : await libraryPath(folder));
  await fs.writeFile(path.join(folder, 'python-home'), home);
}

const optionsOf = (launch: Launch, repository: string, backends: string | undefined): string[] => [
  `--model-repository=${repository}`,
  ...(backends === undefined ? [] : [`--backend-directory=${backends}`]),
  // Completing a model's configuration takes Triton seconds; ours is complete.
  '--disable-auto-complete-config',
  '--exit-timeout-secs=5',
  '--allow-http=false',
  '--allow-metrics=false',
  '--grpc-address=127.0.0.1',
  `--grpc-port=${launch.port}`,
  `--backend-config=python,shm-region-prefix-name=tessera-${launch.port}-`,
];

/** NVIDIA's Triton Inference Server 2.51 (24.10) with the python backend. */
export function tritonRecipe({
  repository = path.join(repositoryRoot, 'deploy/triton/repository'),
  modelsDir = path.join(repositoryRoot, 'models'),
  env = {},
  libraries = [],
}: TritonOptions = {}): ServerRecipe {
  return {
    name: 'triton',
    native: {
      installation: 'triton-2.51-2',
      program: 'tritonserver',
      needs: `python3 (${pythonVersions.join(' or ')}) with pip, or tritonserver itself`,
      install,
      async command({ installation, ...launch }) {
        const modelEnv = { TESSERA_MODELS: modelsDir, ...env };
        return {
          ...(await commandOf(installation, launch, repository)),
          env: {
            ...modelEnv,
            ...(await pathOf(installation)),
            LD_LIBRARY_PATH: [...libraries, ...(await librariesOf(installation))].join(':'),
          },
        };
      },
    },
    url: (port) => `http://127.0.0.1:${port}`,
    isReady,
  };
}

async function commandOf(
  installation: Installation,
  launch: Launch,
  repository: string,
): Promise<{ program: string; args: readonly string[] }> {
  await removeSharedMemory(launch.port);
  if ('program' in installation) return { program: installation.program, args: optionsOf(launch, repository, undefined) };
  const server = path.join(installation.folder, 'site', 'pytriton', 'tritonserver');
  return { program: path.join(server, 'bin', 'tritonserver'), args: optionsOf(launch, repository, path.join(server, 'backends')) };
}

async function librariesOf(installation: Installation): Promise<string[]> {
  if ('program' in installation) return [];
  const { folder } = installation;
  return [path.join(folder, 'site', 'nvidia_pytriton.libs'), await fs.readFile(path.join(folder, 'python-libraries'), 'utf8')];
}

/** First the Python that the backend was chosen for: it looks for its library along the path, and heeds no variable of Python's. */
async function pathOf(installation: Installation): Promise<Record<string, string>> {
  if ('program' in installation) return {};
  const home = await fs.readFile(path.join(installation.folder, 'python-home'), 'utf8');
  return { PATH: [path.join(home, 'bin'), process.env['PATH'] ?? ''].join(':') };
}

/** A killed server leaves its shared memory behind. */
async function removeSharedMemory(port: number): Promise<void> {
  const names = await fs.readdir('/dev/shm').catch(() => []);
  for (const name of names) if (name.startsWith(`tessera-${port}-`)) await fs.rm(path.join('/dev/shm', name), { force: true });
}

/** Its port opens before its models are loaded. The answer is one message with one field: `ready`, true. */
function isReady(port: number): Promise<boolean> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/inference.GRPCInferenceService/ServerReady',
      same,
      same,
      Buffer.alloc(0),
      { deadline: Date.now() + answerWithinMs },
      (error, reply) => {
        client.close();
        resolve(!error && reply?.equals(Buffer.from([0x08, 0x01])) === true);
      },
    );
  });
}

export async function startTriton(options: TritonOptions = {}): Promise<RunningServer> {
  const server = await startServer(tritonRecipe(options), options);
  const port = Number(new URL(server.url).port);
  return { ...server, stop: () => server.stop().then(() => removeSharedMemory(port)) };
}
