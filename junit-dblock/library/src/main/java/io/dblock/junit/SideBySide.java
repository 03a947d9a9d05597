// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Calls what takes time side by side. */
final class SideBySide {
    private SideBySide() {}

    /** What a call has returned or thrown. */
    static final class Outcome<T> implements Runnable {
        private final Supplier<T> call;
        private T value;
        private RuntimeException exception;
        private Error error;

        private Outcome(Supplier<T> call) {
            this.call = call;
        }

        @Override
        public void run() {
            try {
                value = call.get();
            } catch (RuntimeException e) {
                exception = e;
            } catch (Error e) {
                error = e;
            }
        }

        /** Returns what the call has returned, or throws what it has thrown. */
        T get() {
            if (error != null) {
                throw error;
            }
            if (exception != null) {
                throw exception;
            }
            return value;
        }
    }

    /**
     * Makes these calls, each on a thread of its own but for the first, and waits for their end. An interrupt of the calling
     * thread interrupts the others, too.
     */
    static <T> List<Outcome<T>> run(List<Supplier<T>> calls) {
        List<Outcome<T>> outcomes = calls.stream().map(Outcome::new).toList();
        List<Thread> others = new ArrayList<>();
        for (int i = 1; i < outcomes.size(); i++) {
            Thread thread = new Thread(outcomes.get(i), "junit-dblock devices side by side");
            thread.setDaemon(true);
            thread.start();
            others.add(thread);
        }
        if (!outcomes.isEmpty()) {
            outcomes.get(0).run();
        }
        join(others);
        return outcomes;
    }

    private static void join(List<Thread> threads) {
        boolean interrupted = false;
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                    threads.forEach(Thread::interrupt);
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
