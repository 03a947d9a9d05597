// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.internal.device.CrashDevice;
import io.dblock.internal.server.ServedRecording;
import java.util.Arrays;

/** What a recording has, shown on a device. Only what differs from the content before is told to the server. */
final class RecordedContent {
    private final CrashLog log;
    private final ServedRecording recording;
    private final CrashDevice device;
    /** For each block, from which request it is in the content that was shown last. */
    private final int[] shown;

    RecordedContent(CrashLog log, ServedRecording recording, CrashDevice device) {
        this.log = log;
        this.recording = recording;
        this.device = device;
        shown = new int[log.blocks()];
        Arrays.fill(shown, CrashLog.START);
    }

    /** Makes the device have this content: for each block of the log, what a request brought to it. */
    void show(int[] content) {
        Changes changes = new Changes(log);
        for (int block = 0; block < content.length; block++) {
            if (content[block] != shown[block]) {
                changes.add(block, content[block]);
                shown[block] = content[block];
            }
        }
        device.show(recording, changes.bytes());
    }
}
