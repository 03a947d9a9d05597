// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Converts a journal to the order of dm-log-writes by following the submissions and completions of its requests. */
final class LogWritesExport {
    private final Journal journal;
    private final int sectorSize;

    /** Writes that have completed and may still be in the cache. */
    private List<RequestEntry> unflushed = new ArrayList<>();
    /** The writes that each flush under way will take out of the cache. */
    private final Map<RequestEntry, List<RequestEntry>> flushes = new HashMap<>();

    LogWritesExport(Journal journal, int sectorSize) {
        this.journal = journal;
        this.sectorSize = sectorSize;
    }

    void writeTo(Path file) throws IOException {
        List<JournalEntry> entries = journal.entries();
        TreeMap<Long, RequestEntry> completions = new TreeMap<>();
        for (JournalEntry entry : entries) {
            if (entry instanceof RequestEntry request && request.isCompleted()) {
                completions.put(request.completionOrder(), request);
            }
        }
        try (LogWritesWriter log = new LogWritesWriter(file, sectorSize)) {
            for (JournalEntry entry : entries) {
                while (!completions.isEmpty() && completions.firstKey() <= entry.completedBefore()) {
                    completed(completions.pollFirstEntry().getValue(), log);
                }
                if (entry instanceof MarkEntry mark) {
                    log.mark(mark.text());
                } else if (entry instanceof RequestEntry request && request.is(Operation.FLUSH)) {
                    flushes.put(request, unflushed);
                    unflushed = new ArrayList<>();
                }
            }
            for (RequestEntry request : completions.values()) {
                completed(request, log);
            }
            for (List<RequestEntry> covered : flushes.values()) {
                unflushed.addAll(covered); // Covered by flushes that were never answered.
            }
            unflushed.sort((a, b) -> Long.compare(a.completionOrder(), b.completionOrder()));
            for (RequestEntry request : unflushed) {
                write(request, log);
            }
            log.mark(LogWrites.END_MARK);
        }
    }

    private void completed(RequestEntry request, LogWritesWriter log) throws IOException {
        switch (request.info().operation()) {
            case READ -> {
                // This log has no reads.
            }
            case FLUSH -> {
                List<RequestEntry> covered = flushes.remove(request);
                if (request.succeeded()) {
                    for (RequestEntry write : covered) {
                        write(write, log);
                    }
                    log.flush();
                } else {
                    covered.addAll(unflushed);
                    unflushed = covered;
                }
            }
            case ZONE_REPORT, ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH, ZONE_RESET, ZONE_RESET_ALL, ZONE_APPEND ->
                throw new IllegalStateException(
                        request + " is a zone operation, which the format of dm-log-writes does not have: the log of"
                                + " a zoned device cannot be written.");
            case WRITE, WRITE_ZEROES, DISCARD -> {
                if (request.info().has(RequestFlag.FUA)) {
                    write(request, log);
                } else {
                    unflushed.add(request);
                }
            }
        }
    }

    /** Writes the parts that did not fail. */
    private void write(RequestEntry request, LogWritesWriter log) throws IOException {
        long at = request.info().offset();
        for (FailedRange failed : request.failures()) {
            write(request, at, failed.offset() - at, log);
            at = failed.offset() + failed.length();
        }
        write(request, at, request.info().end() - at, log);
    }

    private void write(RequestEntry request, long offset, long length, LogWritesWriter log) throws IOException {
        if (length == 0) {
            return;
        }
        boolean fua = request.info().has(RequestFlag.FUA);
        boolean meta = request.info().has(RequestFlag.META);
        switch (request.info().operation()) {
            case DISCARD -> log.discard(offset, length);
            case WRITE_ZEROES -> log.zeroes(offset, length, fua, meta);
            case WRITE ->
                log.write(
                        offset, content(request), (int) (offset - request.info().offset()), (int) length, fua, meta);
            default -> throw new IllegalStateException(request + " writes nothing.");
        }
    }

    private byte[] content(RequestEntry request) {
        return journal.content(request)
                .orElseThrow(() -> new IllegalStateException("The data of " + request
                        + " is not kept, so the log cannot be written. Keep it with"
                        + " journal().capture(Capture.CONTENT, maxBytes) before the writes."));
    }
}
