import { defineConfig } from 'vite';

/** Vite's own JSX transform is enough: no plugin, and nothing from other hosts in the page. */
export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic' } },
  build: { outDir: 'dist', emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { '/api': 'http://127.0.0.1:8420', '/objects': 'http://127.0.0.1:8420' } },
});
