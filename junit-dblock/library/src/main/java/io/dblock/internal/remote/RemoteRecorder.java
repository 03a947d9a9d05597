// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.internal.remote.ServerCommands.JournalState;
import io.dblock.internal.remote.ServerCommands.Remains;
import io.dblock.journal.Capture;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.Recorder;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The journal of a device of the server process. Once the device is closed its entries are here; data that were captured stay
 * with the server, which forgets them after some further devices have been closed.
 */
final class RemoteRecorder implements Recorder {
    private final RemoteDevice device;
    private final Map<Listener, Long> subscriptions = new ConcurrentHashMap<>();

    RemoteRecorder(RemoteDevice device) {
        this.device = device;
    }

    private JournalState state() {
        return device.ask(Remains::journal, server -> server.journalState(device.number()));
    }

    @Override
    public long mark(String text) {
        return device.commands().mark(device.number(), text);
    }

    @Override
    public List<JournalEntry> entries(long after) {
        return device.ask(
                remains -> remains.entries().get().stream()
                        .filter(entry -> entry.sequence() > after)
                        .toList(),
                server -> server.entries(device.number(), after));
    }

    @Override
    public long last() {
        return state().last();
    }

    @Override
    public Map<String, Long> marks() {
        return state().marks();
    }

    @Override
    public Optional<byte[]> content(long sequence) {
        return device.commands().content(device.number(), sequence);
    }

    @Override
    public long dropped() {
        return state().dropped();
    }

    @Override
    public long lastDropped() {
        return state().lastDropped();
    }

    @Override
    public long droppedContents() {
        return state().droppedContents();
    }

    @Override
    public long flushEpoch() {
        return state().flushEpoch();
    }

    @Override
    public void capture(Capture capture, long maxContentBytes) {
        device.commands().capture(device.number(), capture, maxContentBytes);
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
