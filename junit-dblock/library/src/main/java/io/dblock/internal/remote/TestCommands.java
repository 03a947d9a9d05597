// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.journal.JournalEntry;
import java.util.List;

/** What the server process asks of the test's JVM. */
interface TestCommands {

    /** Entries for a subscription; the next are sent when this has returned. */
    void journal(long subscription, List<JournalEntry> entries);

    /** No further entries come. */
    void journalEnd(long subscription);

    /** What its threads are doing, one text for each. */
    List<String> stacks();

    /** A report of a device that is watched for this JVM, by the module's number of it. */
    void watchReport(int id, String text);
}
