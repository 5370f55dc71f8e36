// Installs node_modules when it does not match the lock file:  node tools/install.mjs <folder of package-lock.json>
//
// Several build folders share one source tree, so the work is done by one at a time and remembered beside the modules.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = resolve(process.argv[2] ?? '.');
const modules = join(folder, 'node_modules');
const stamp = join(modules, '.belfry-installed');
const lock = join(folder, '.install-lock');
// The compiled tools in node_modules fit one platform.
const wanted = createHash('sha256')
  .update(readFileSync(join(folder, 'package-lock.json')))
  .update(`${process.platform} ${process.arch}`)
  .digest('hex');
const isCurrent = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;

const LOCK_STALE_MS = 10 * 60_000;

function tryLock() {
  try {
    mkdirSync(lock);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  try {
    // Whoever made it was killed: npm ci is never busy for so long.
    if (Date.now() - statSync(lock).mtimeMs > LOCK_STALE_MS) rmdirSync(lock);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  return false;
}

while (!isCurrent()) {
  if (!tryLock()) {
    await new Promise((done) => setTimeout(done, 500));
    continue;
  }
  try {
    if (isCurrent()) break;
    const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder, stdio: 'inherit' });
    if (npm.status !== 0) {
      console.error(`npm ci failed in ${folder}`);
      process.exitCode = 1;
      break;
    }
    writeFileSync(stamp, wanted);
  } finally {
    rmdirSync(lock);
  }
}
