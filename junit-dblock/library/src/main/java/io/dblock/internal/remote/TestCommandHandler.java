// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.internal.watchdog.JavaStacks;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.Recorder;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * Executes the calls of the server process in the test JVM, for listeners of journals and for reports of stuck requests.
 * Safe for use by several threads.
 */
final class TestCommandHandler implements TestCommands {
    private final AtomicLong numbers = new AtomicLong();
    private final Map<Long, Recorder.Listener> listeners = new ConcurrentHashMap<>();
    /** The receivers of reports, by the module's number of the device that the server process watches for this JVM. */
    private final Map<Integer, Consumer<String>> reports = new ConcurrentHashMap<>();

    long add(Recorder.Listener listener) {
        long number = numbers.incrementAndGet();
        listeners.put(number, listener);
        return number;
    }

    void removeListener(long number) {
        listeners.remove(number);
    }

    @Override
    public void journal(long subscription, List<JournalEntry> entries) {
        Recorder.Listener listener = listeners.get(subscription);
        if (listener != null) {
            entries.forEach(listener::entry);
        }
    }

    @Override
    public void journalEnd(long subscription) {
        Recorder.Listener listener = listeners.remove(subscription);
        if (listener != null) {
            listener.end();
        }
    }

    void addReports(int id, Consumer<String> consumer) {
        reports.put(id, consumer);
    }

    void removeReports(int id) {
        reports.remove(id);
    }

    @Override
    public void watchReport(int id, String text) {
        Consumer<String> consumer = reports.get(id);
        if (consumer != null) {
            consumer.accept(text);
        }
    }

    /** Ends all listeners: the connection has ended. */
    void end() {
        listeners.keySet().forEach(this::journalEnd);
    }

    @Override
    public List<String> stacks() {
        return JavaStacks.ofThisJvm();
    }
}
