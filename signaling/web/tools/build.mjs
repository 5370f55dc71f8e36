// Builds the console and the SDK into one folder:  node tools/build.mjs <outdir>
//
//   index.html  app.<hash>.js  style.<hash>.css  icon.svg  belfry.js  belfry.d.ts
//
// The hashed names may be cached for ever; index.html names them, and is the only file that must be asked for again.
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const out = process.argv[2] ? resolve(process.argv[2]) : undefined;
if (!out) {
  console.error('usage: npm run build -- <outdir>');
  process.exit(2);
}

const common = { bundle: true, write: false, minify: true, target: ['chrome110', 'firefox115', 'safari16.4'], legalComments: 'none' };

async function bundle(entry, options = {}) {
  const result = await build({ ...common, entryPoints: [join(web, entry)], outdir: out, ...options });
  return Buffer.from(result.outputFiles[0].contents);
}

function hashed(name, extension, bytes) {
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 10);
  return `${name}.${hash}.${extension}`;
}

/**
 * The declarations of all modules of the SDK as one file. It works because a name means one thing in the whole SDK: the
 * imports between modules go away, and what index.ts exports is exported at the end.
 */
function declarations() {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-dts-'));
  try {
    const tsc = join(web, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [
      tsc, '-p', join(web, 'tsconfig.json'), '--declaration', '--emitDeclarationOnly', '--outDir', dir, '--rootDir', web,
    ]);
    const sdk = join(dir, 'sdk');
    const text = (file) => readFileSync(join(sdk, file), 'utf8');
    const exported = text('index.d.ts').replace(/ from '[^']*'/g, '');
    const modules = readdirSync(sdk)
      .filter((file) => file !== 'index.d.ts')
      .sort()
      .map((file) => text(file).replace(/^(import|export) [^;]*? from '[^']*';\n/gms, '').replace(/^export (?!\{)/gm, ''))
      .map((module) => module.replace(/^(const|class|function|abstract class) /gm, 'declare $1 ').replace(/^export \{\};\n/gm, ''));
    return `${modules.join('\n')}\n${exported}`;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const app = await bundle('console/main.ts', { format: 'esm' });
const style = await bundle('console/style.css');
const sdk = await bundle('sdk/index.ts', { format: 'esm', minify: false });
const names = { app: hashed('app', 'js', app), style: hashed('style', 'css', style) };
const html = readFileSync(join(web, 'console/index.html'), 'utf8')
  .replace('app.js', names.app)
  .replace('style.css', names.style);

mkdirSync(out, { recursive: true });
const files = {
  [names.app]: app,
  [names.style]: style,
  'index.html': html,
  'icon.svg': readFileSync(join(web, 'console/icon.svg')),
  'belfry.js': sdk,
  'belfry.d.ts': declarations(),
};
// What an earlier build left behind would be served for ever.
for (const file of readdirSync(out)) if (!(file in files)) rmSync(join(out, file), { recursive: true });
for (const [name, bytes] of Object.entries(files)) writeFileSync(join(out, name), bytes);
