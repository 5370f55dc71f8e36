// Networks that let no UDP through: media takes TCP.
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { person } from './lib/call.mjs';
import { startServer } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

for (const kind of ['chromium', 'firefox']) {
  test(`${kind} where UDP is blocked meets someone where it is not`, async (t) => {
    const server = await startServer(t);
    const [ada, bob] = await Promise.all([person(t, 'Ada', kind), person(t, 'Bob')]);
    await bob.join(server, 'walls');
    // Bob's paths are up and go on; what is new is dropped.
    await until('Bob has his path', () => bob.evaluate(() => window.belfry.room.peerConnections.publish?.connectionState === 'connected'));
    const rule = ['INPUT', '-p', 'udp', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'DROP'];
    execFileSync('iptables', ['-A', ...rule]);
    t.after(() => execFileSync('iptables', ['-D', ...rule]));
    await ada.join(server, 'walls');
    await bob.decodes('Ada', { timeoutMs: 40_000 });
    await bob.hears('Ada');
    await ada.until('sends over TCP', async () => {
      const stats = [...(await window.belfry.room.peerConnections.publish.getStats()).values()];
      const pair = stats.find((r) => r.type === 'candidate-pair' && r.nominated && r.state === 'succeeded');
      return stats.find((r) => r.id === pair?.localCandidateId)?.protocol === 'tcp';
    });
    ada.assertClean();
  });
}
