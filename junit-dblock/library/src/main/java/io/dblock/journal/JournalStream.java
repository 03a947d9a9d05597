// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;

/** Writes a journal's entries to a file as they are recorded; see {@link Journal#streamTo(Path)}. */
public final class JournalStream implements AutoCloseable {
    private static final int MAX_WAITING = 1 << 16;
    private static final Duration CLOSE_WAIT = Duration.ofSeconds(10);

    private static final JournalEntry END = new EventEntry(0, 0, 0, EventKind.NOTE, "end");

    private final Recorder recorder;
    private final Queue listener = new Queue();
    private final Path file;
    private final BufferedWriter writer;
    private final LinkedBlockingQueue<JournalEntry> waiting = new LinkedBlockingQueue<>(MAX_WAITING);
    private final AtomicLong missed = new AtomicLong();
    private final Thread thread;
    private volatile boolean ended;
    private volatile IOException failure;

    JournalStream(Recorder recorder, Path file) throws IOException {
        this.recorder = recorder;
        this.file = file;
        thread = new Thread(this::write, "dblock-journal-" + file.getFileName());
        thread.setDaemon(true);
        writer = Files.newBufferedWriter(file, StandardCharsets.UTF_8);
        boolean done = false;
        try {
            writer.write(header(0));
            recorder.subscribe(listener);
            thread.start();
            done = true;
        } finally {
            if (!done) {
                writer.close();
            }
        }
    }

    static String header(long dropped) {
        return "# Journal of a junit-dblock device, version 1. Sectors have 512 bytes.\n"
                + (dropped == 0 ? "" : "# " + dropped + " earlier entries have been dropped.\n");
    }

    static String line(JournalEntry entry) {
        StringBuilder line = new StringBuilder(entry.toString());
        if (entry instanceof RequestEntry request && request.isCompleted()) {
            line.append("\torder=").append(request.completionOrder());
            line.append(" before=").append(request.completedBefore());
            line.append(" epoch=").append(request.flushEpoch());
            request.hash().ifPresent(hash -> line.append(" hash=").append(String.format("%016x", hash)));
        }
        return line.append('\n').toString();
    }

    private final class Queue implements Recorder.Listener {
        @Override
        public void entry(JournalEntry entry) {
            // Threads that answer requests call this, and a slow file must not delay them.
            if (!waiting.offer(entry)) {
                missed.incrementAndGet();
            }
        }

        @Override
        public void end() {
            ended = true;
            // This wakes the thread if it waits. If the queue is full, the thread does not wait. An interrupt would
            // close the file.
            waiting.offer(END);
        }
    }

    private void write() {
        try (writer) {
            List<JournalEntry> batch = new ArrayList<>();
            while (true) {
                // Read first: the queue then has everything that came before the end.
                boolean last = ended;
                if (waiting.drainTo(batch) == 0) {
                    if (last) {
                        break;
                    }
                    writer.flush();
                    batch.add(waiting.take());
                }
                for (JournalEntry entry : batch) {
                    if (entry != END) {
                        writer.write(line(entry));
                    }
                }
                batch.clear();
            }
            if (missed.get() > 0) {
                writer.write("# " + missed + " entries are missing: the file could not be written fast enough.\n");
            }
        } catch (IOException e) {
            failure = e;
            recorder.unsubscribe(listener);
        } catch (InterruptedException e) {
            failure = new IOException("The thread that writes it was interrupted", e);
            recorder.unsubscribe(listener);
        }
    }

    /** Returns how many entries the file lacks because it could not be written fast enough. */
    public long missed() {
        return missed.get();
    }

    /**
     * Writes what was recorded before this call and closes the file. Does nothing the second time.
     *
     * @throws IOException if writing the file has failed, or takes longer than 10 s
     */
    @Override
    public void close() throws IOException {
        try {
            recorder.unsubscribe(listener);
        } finally {
            listener.end();
        }
        try {
            thread.join(CLOSE_WAIT.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (thread.isAlive()) {
            throw new IOException("The journal's stream to " + file + " has not been written within "
                    + CLOSE_WAIT.toSeconds() + " s; " + waiting.size()
                    + " entries are waiting. Is the file on the device itself, or on a disk that hangs?");
        }
        IOException failed = failure;
        if (failed != null) {
            throw new IOException("The journal's stream to " + file + " has failed: " + failed.getMessage(), failed);
        }
    }
}
