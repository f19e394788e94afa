/** Tests run on the compiled code, the very files that ship: no second compiler, and worker threads find their entry points. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/libs', '<rootDir>/services', '<rootDir>/cli', '<rootDir>/test'],
  testMatch: ['**/dist/**/*.spec.js'],
  // Specs against real servers run with `./tessera test --cluster`, which fetches and starts them; the one with torch only where torch has been fetched, or is to be.
  // Those of the Helm chart run where the launcher has found or fetched Helm.
  testPathIgnorePatterns: [
    '/node_modules/',
    ...(process.env.TESSERA_TEST_CLUSTER === '1' ? [] : ['\\.cluster\\.spec\\.js$']),
    ...(process.env.TESSERA_TEST_DIFFUSERS === '1' ? [] : ['diffusers\\.cluster\\.spec\\.js$']),
    ...(process.env.TESSERA_TEST_HELM ? [] : ['\\.chart\\.spec\\.js$']),
  ],
  transform: {},
  maxWorkers: 2,
  testTimeout: 60_000,
};
