// Waiting for what others do: always for a condition, never for a time alone.

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/**
 * Ask until the answer is true, and return it. The last answer, or the error it failed with, is in the error message.
 *
 * @param what - what is waited for, in words
 */
export async function until(what, ask, { timeoutMs = 15_000, everyMs = 100 } = {}) {
  const deadline = Date.now() + timeoutMs;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s (last: ${last instanceof Error ? last.message : JSON.stringify(last)})`);
    await pause(everyMs);
  }
}
