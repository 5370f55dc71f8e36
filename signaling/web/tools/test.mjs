// Runs the unit tests of the SDK and the console:  node tools/test.mjs
//
// The tests are in tests/signaling/web and import the sources as '#sdk/...' and '#console/...'; they are bundled one by one, since
// node does not read TypeScript.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const tests = join(web, '../../tests/signaling/web');
const files = readdirSync(tests).filter((file) => file.endsWith('.test.mjs'));
const out = mkdtempSync(join(tmpdir(), 'belfry-web-'));
try {
  await build({
    entryPoints: files.map((file) => join(tests, file)),
    outdir: out,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node18',
    sourcemap: 'inline',
    alias: { '#sdk': join(web, 'sdk'), '#console': join(web, 'console') },
    logLevel: 'warning',
  });
  const run = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...files.map((file) => join(out, file))], { stdio: 'inherit' });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(out, { recursive: true });
}
