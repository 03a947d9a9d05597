// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Records a device's journal. Tests use {@link Journal} instead. Only data crosses this interface: the recorder may
 * live in another process. Safe for use by several threads.
 */
public interface Recorder {

    /** Sets a mark and returns its number in the journal. */
    long mark(String text);

    /**
     * Returns the entries whose number is greater than {@code after}, in order, as they were at one moment. It includes
     * all requests still under way, even if the entries around them have been dropped.
     */
    List<JournalEntry> entries(long after);

    /** Returns the number of the newest entry; 0 if there is none. */
    long last();

    /**
     * Returns the numbers of the marks, for each text that of the newest. Marks stay known after their entries are
     * dropped.
     */
    Map<String, Long> marks();

    /** Returns a copy of the data of this request, if the data is kept. */
    Optional<byte[]> content(long sequence);

    /** Returns how many entries have been dropped to stay within the limit. */
    long dropped();

    /** Returns the greatest number of a dropped entry; 0 if no entry was dropped. */
    long lastDropped();

    /** Returns for how many requests the data has been dropped to stay within the limit. */
    long droppedContents();

    /** Returns how many flushes have completed successfully. */
    long flushEpoch();

    /** Sets what is kept of the data of later requests. */
    void capture(Capture capture, long maxContentBytes);

    /** Passes each later entry to {@code listener}. */
    void subscribe(Listener listener);

    /** Ends {@link #subscribe(Listener)}. Once this has returned, the listener is no longer called. */
    void unsubscribe(Listener listener);

    /** Receives entries as they are recorded. It must neither block nor throw, nor do I/O on the device. */
    interface Listener {

        /** Receives an entry; a request when it is answered. There is one call at a time. */
        void entry(JournalEntry entry);

        /** The device is closed; no more calls follow. */
        void end();
    }
}
