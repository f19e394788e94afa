// How imports find their files: package names lead to sources instead of builds, and `./x.js` means `./x.ts`. In the shape of a webpack configuration, because that is what dependency-cruiser reads.
const fs = require('node:fs');
const path = require('node:path');

/** Each workspace by the name in its package.json; what `exports` takes from dist lies in src. */
function workspaceSources() {
  const folders = ['libs', 'services'].flatMap((group) => fs.readdirSync(path.join(__dirname, group)).map((name) => `${group}/${name}`));
  const packages = [...folders, 'cli', 'bench', 'test'].filter((folder) => fs.existsSync(path.join(__dirname, folder, 'package.json')));
  return Object.fromEntries(
    packages.map((folder) => {
      const { name, exports: exported = {} } = JSON.parse(fs.readFileSync(path.join(__dirname, folder, 'package.json'), 'utf8'));
      const target = (exported['./*'] ?? './dist/*').replace(/^\.\/dist/, 'src').replace(/\/\*$/, '');
      return [name, path.join(__dirname, folder, target)];
    }),
  );
}

module.exports = {
  resolve: {
    alias: workspaceSources(),
    extensions: ['.ts', '.tsx', '.js', '.json'],
    extensionAlias: { '.js': ['.ts', '.tsx', '.js'] },
    exportsFields: ['exports'],
    conditionNames: ['import', 'node', 'default'],
  },
};
