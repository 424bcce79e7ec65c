import { defineConfig } from 'vitest/config';
import { viteWorkerScript } from './scripts/worker-script.mjs';

export default defineConfig({
  plugins: [viteWorkerScript()],
  test: {
    include: ['test/**/*.test.ts'],
    // real files and real child processes: on a loaded two-core machine a Node start takes seconds
    testTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    // most of them wait for others: one less than there are processors, as it would be, leaves a small machine idle
    maxWorkers: '100%',
    hookTimeout: 60_000,
    unstubEnvs: true,
    restoreMocks: true,
    coverage: { include: ['src/**/*.ts'], reportsDirectory: 'coverage' },
  },
});
