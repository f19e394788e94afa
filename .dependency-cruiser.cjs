// The import rules of docs: who may know whom. Sources are read, type imports included.
/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'A circle has no bottom to start from, for readers and for module loading; readers follow types as well.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-dangling-imports',
      severity: 'error',
      comment: 'An import must lead to a file or an installed package.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'services-stand-alone',
      severity: 'error',
      comment: 'Services talk by Rpc and events: any of them can become a process of its own.',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'libs-know-no-service',
      severity: 'error',
      comment: 'A library is used by services, and knows none.',
      from: { path: '^libs/' },
      to: { path: '^services/' },
    },
    {
      name: 'one-host',
      severity: 'error',
      comment:
        'Whoever builds another application builds one that nobody ships: specs start the real host (libs/host/src/testing), with ports replaced.',
      from: { path: '^(libs|services|cli|bench|test)/', pathNot: '^libs/host/src/' },
      to: { path: 'node_modules/@nestjs/(core|testing|platform-fastify)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'test-host-for-specs',
      severity: 'error',
      comment: 'What specs replace is no part of a process.',
      from: { path: '^(libs|services|cli|bench)/', pathNot: '\\.(spec|fixture|factory)\\.ts$|^libs/host/src/testing/' },
      to: { path: '^libs/host/src/testing/' },
    },
    {
      name: 'adapters-stay-hidden',
      severity: 'error',
      comment:
        "A port's adapters are chosen in its open-*.ts and nowhere else; its specs may open them, and one adapter may build on another of its own lib.",
      from: { path: '^(libs|services|cli|bench|test)/([^/]+)/', pathNot: '^libs/[^/]+/src/open-[^/]+\\.ts$|\\.spec\\.ts$' },
      to: {
        path: '^libs/([^/]+)/src/(sqlite|embedded|memory|filesystem|onnx|noop|served|flow|lora|training|mongo|kafka|redis|s3|remote)/',
        pathNot: [
          '^libs/$2/src/(sqlite|embedded|memory|filesystem|onnx|noop|served|flow|lora|training|mongo|kafka|redis|s3|remote)/',
          '^libs/inference/src/training/(adapter-trainer|training-defaults|trigger)\\.ts$',
          '^libs/inference/src/training/proof/',
          '^libs/objects/src/filesystem/object-links\\.module\\.ts$',
        ],
      },
    },
    {
      name: 'models-open-no-engine',
      severity: 'error',
      comment: 'Whoever only describes models reads manifests; what generates with them is loaded elsewhere.',
      from: { path: '^libs/models/' },
      to: { path: '^(services|libs/inference)/' },
    },
    {
      name: 'flow-serves-engines',
      severity: 'error',
      comment:
        "Mosaic's pipeline is run by the engines, the trainer and the measure of similarity; what every engine shares stands beside it.",
      from: { path: '^libs/inference/src/', pathNot: '^libs/inference/src/(flow|onnx|remote|training|similarity)/' },
      to: { path: '^libs/inference/src/flow/' },
    },
    {
      name: 'flow-knows-no-runtime',
      severity: 'error',
      comment: 'The pipeline runs on the sessions that it is given, in process or in a Triton.',
      from: { path: '^libs/inference/src/flow/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^libs/inference/src/(onnx|remote|noop|served|training)/|onnxruntime-node' },
    },
    {
      name: 'tools-know-no-service',
      severity: 'error',
      comment:
        'The command line and the console use the API; one file puts all services into one process. A benchmark may measure a part of a service.',
      from: { path: '^(cli|web)/', pathNot: '^cli/src/single-node\\.ts$' },
      to: { path: '^services/' },
    },
    {
      name: 'no-development-packages-at-run-time',
      severity: 'error',
      comment: 'What ships must run on an installation without development packages.',
      // libs/servers starts real servers in Docker where testcontainers is installed, and does without where it is not.
      from: { path: '^(libs|services|cli)/[^/]+/', pathNot: '\\.(spec|conformance|fixture|factory)\\.tsx?$|/fixtures/|^libs/servers/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    // TypeScript 7 has no compiler API to parse with; SWC builds these files anyway.
    parser: 'swc',
    tsPreCompilationDeps: true,
    webpackConfig: { fileName: '.dependency-cruiser.resolve.cjs' },
    doNotFollow: { path: 'node_modules' },
    // A peer that is measured beside us is installed in its own folder, if at all.
    exclude: { path: '^(libs|services|web)/[^/]+/dist/|^(cli|bench|test)/dist/|vite\\.config|^bench/peers/' },
    externalModuleResolutionStrategy: 'node_modules',
  },
};
