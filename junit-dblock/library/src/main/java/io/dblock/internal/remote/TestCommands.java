// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.journal.JournalEntry;
import java.util.List;

/** The calls of the server process to the test JVM. */
interface TestCommands {

    /** Passes entries to a subscription. The next are sent only after this has returned. */
    void journal(long subscription, List<JournalEntry> entries);

    /** Ends a subscription: no further entries come. */
    void journalEnd(long subscription);

    /** Returns what the threads of the test JVM are doing, one text each. */
    List<String> stacks();

    /** Passes a report about a device that the server process watches for the test JVM, by the module's number. */
    void watchReport(int id, String text);
}
