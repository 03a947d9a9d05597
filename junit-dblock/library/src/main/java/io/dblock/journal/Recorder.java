// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Who writes a device's journal. A test does not call it but uses {@link Journal}. Only data cross it: the recorder may
 * live in another process. Safe for use by several threads.
 */
public interface Recorder {

    /** Sets a mark and returns its number in the journal. */
    long mark(String text);

    /**
     * The entries whose number is greater than {@code after}, in order, as they were at one moment. Requests still under
     * way are among them even if the entries around them have been dropped.
     */
    List<JournalEntry> entries(long after);

    /** The number of the newest entry; 0 if there is none. */
    long last();

    /** The numbers of the marks, each text's newest. Marks are known even after their entries were dropped. */
    Map<String, Long> marks();

    /** A copy of the data of this request, if they are kept. */
    Optional<byte[]> content(long sequence);

    /** How many entries have been dropped to stay within the limit. */
    long dropped();

    /** The greatest number of an entry that was dropped; 0 if none was. */
    long lastDropped();

    /** Of how many requests the data have been dropped to stay within the limit. */
    long droppedContents();

    /** How many flushes have been completed with success. */
    long flushEpoch();

    /** What is kept of the data of requests that come from now on. */
    void capture(Capture capture, long maxContentBytes);

    /** Has each entry given to {@code listener} from now on. */
    void subscribe(Listener listener);

    /** Ends {@link #subscribe(Listener)}: when this returns, the listener is not called any more. */
    void unsubscribe(Listener listener);

    /** Gets entries as they are made. It must neither block nor throw, and not do I/O on the device. */
    interface Listener {

        /** An entry; a request when it is answered. One call at a time. */
        void entry(JournalEntry entry);

        /** The device is closed: there are no further calls. */
        void end();
    }
}
