// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.Recorder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Sends the entries of a journal to the test JVM as they are recorded. Its own thread sends them, many at once if the test
 * JVM is slow. Entries wait here without a limit until they are sent.
 */
final class Subscription implements Recorder.Listener {
    private static final int AT_ONCE = 1000;
    private static final Duration FINISH = Duration.ofSeconds(30);

    private final long number;
    private final TestCommands test;
    private final Thread thread;

    // Guarded by this.
    private final List<JournalEntry> waiting = new ArrayList<>();
    private boolean ended;

    Subscription(long number, TestCommands test) {
        this.number = number;
        this.test = test;
        thread = new Thread(this::send, "junit-dblock journal " + number);
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public synchronized void entry(JournalEntry entry) {
        waiting.add(entry);
        notifyAll();
    }

    @Override
    public synchronized void end() {
        ended = true;
        notifyAll();
    }

    /** Ends the subscription and waits until all entries are sent, at most 30 s. */
    void finish() {
        end();
        try {
            thread.join(FINISH.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (thread.isAlive()) {
            throw new DblockException(
                    "The journal's entries have not been taken by the test's JVM within " + FINISH.toSeconds() + " s.");
        }
    }

    private void send() {
        try {
            while (true) {
                List<JournalEntry> batch = next();
                if (batch.isEmpty()) {
                    test.journalEnd(number);
                    return;
                }
                test.journal(number, batch);
            }
        } catch (InterruptedException | DblockException e) {
            // The test JVM is gone or does not answer, so the entries are of no use.
            synchronized (this) {
                waiting.clear();
            }
        }
    }

    /** Waits for the next entries to send; returns an empty list at the end. */
    private synchronized List<JournalEntry> next() throws InterruptedException {
        while (waiting.isEmpty() && !ended) {
            wait();
        }
        List<JournalEntry> part = waiting.subList(0, Math.min(AT_ONCE, waiting.size()));
        List<JournalEntry> batch = List.copyOf(part);
        part.clear();
        return batch;
    }
}
