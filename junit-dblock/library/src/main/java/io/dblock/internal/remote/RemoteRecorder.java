// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import io.dblock.journal.Capture;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.Recorder;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Reads the journal of a device that the server process serves. Once the device is closed, its entries are here. Captured
 * data stays in the server process, which keeps that of the last few closed devices only.
 */
final class RemoteRecorder implements Recorder {
    private final RemoteDevice device;
    private final Recorder recorder;
    private final Map<Listener, Long> subscriptions = new ConcurrentHashMap<>();

    /** {@code recorder} is the proxy of the recorder in the server process. */
    RemoteRecorder(RemoteDevice device, Recorder recorder) {
        this.device = device;
        this.recorder = recorder;
    }

    @Override
    public long mark(String text) {
        return recorder.mark(text);
    }

    @Override
    public List<JournalEntry> entries(long after) {
        return left(after).orElseGet(() -> {
            try {
                return recorder.entries(after);
            } catch (DblockException | IllegalStateException e) {
                // The device may have been closed meanwhile.
                return left(after).orElseThrow(() -> e);
            }
        });
    }

    /** Returns the entries that are left of a closed device; empty if the device is open. */
    private Optional<List<JournalEntry>> left(long after) {
        return device.remains().map(remains -> remains.entries().get().stream()
                .filter(entry -> entry.sequence() > after)
                .toList());
    }

    @Override
    public long last() {
        return recorder.last();
    }

    @Override
    public Map<String, Long> marks() {
        return recorder.marks();
    }

    @Override
    public Optional<byte[]> content(long sequence) {
        return device.commands().content(device.number(), sequence);
    }

    @Override
    public long dropped() {
        return recorder.dropped();
    }

    @Override
    public long lastDropped() {
        return recorder.lastDropped();
    }

    @Override
    public long droppedContents() {
        return recorder.droppedContents();
    }

    @Override
    public long flushEpoch() {
        return recorder.flushEpoch();
    }

    @Override
    public void capture(Capture capture, long maxContentBytes) {
        recorder.capture(capture, maxContentBytes);
    }

    @Override
    public void subscribe(Listener listener) {
        TestCommandHandler test = device.server().test();
        long number = test.add(listener);
        subscriptions.put(listener, number);
        boolean done = false;
        try {
            device.commands().subscribe(device.number(), number);
            done = true;
        } finally {
            if (!done) {
                subscriptions.remove(listener);
                test.removeListener(number);
            }
        }
    }

    @Override
    public void unsubscribe(Listener listener) {
        Long number = subscriptions.remove(listener);
        if (number == null) {
            return;
        }
        TestCommandHandler test = device.server().test();
        try {
            if (device.server().isOpen() && device.remains().isEmpty()) {
                device.commands().unsubscribe(device.number(), number);
            }
        } finally {
            test.removeListener(number);
        }
    }
}
