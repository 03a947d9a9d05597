// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.hints;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.handler.BlockRequest;
import io.dblock.handler.IoClass;
import io.dblock.handler.IoPriority;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import io.dblock.handler.WriteHint;
import io.dblock.it.support.Commands;
import io.dblock.it.support.SystemCalls;
import io.dblock.it.support.SystemCalls.Mode;
import io.dblock.journal.RequestEntry;
import io.dblock.junit.DblockDevice;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;

/** What an application says of its requests, by ioprio_set and fcntl, comes through. */
class HintsIT {

    private static final int RWH_WRITE_LIFE_NOT_SET = 0;
    private static final int RWH_WRITE_LIFE_LONG = 4;
    private static final int RWH_WRITE_LIFE_EXTREME = 5;

    /** Of who has asked for none: from Linux 6.0 on that of the nice value 0. */
    private static List<IoPriority> ofNobody() {
        return List.of(IoPriority.NONE, new IoPriority(IoClass.BEST_EFFORT, 4));
    }

    private static List<RequestInfo> writes(BlockDevice disk) {
        return disk.journal().requestsSince("begin").stream()
                .map(RequestEntry::info)
                .filter(info -> info.operation() == Operation.WRITE)
                .toList();
    }

    private static void write(BlockDevice disk, Object... ionice) {
        Object[] command = new Object[ionice.length + 8];
        System.arraycopy(ionice, 0, command, 0, ionice.length);
        Object[] dd = {
            "dd", "if=/dev/zero", "of=" + disk.path(), "bs=4096", "count=1", "seek=256", "oflag=direct", "conv=notrunc"
        };
        System.arraycopy(dd, 0, command, ionice.length, dd.length);
        Commands.run(command);
    }

    @Test
    void thePriorityOfWhoWritesIsInTheJournal(@DblockDevice(size = "8MiB") BlockDevice disk) {
        disk.journal().mark("begin");
        write(disk, "ionice", "-c", "3");
        write(disk, "ionice", "-c", "1", "-n", "2");
        write(disk, "ionice", "-c", "2", "-n", "6");
        write(disk);
        List<IoPriority> priorities =
                writes(disk).stream().map(RequestInfo::priority).toList();
        assertThat(priorities).hasSize(4);
        // Of this class ionice leaves a level that means nothing.
        assertThat(priorities.get(0).ioClass()).isEqualTo(IoClass.IDLE);
        assertThat(priorities.subList(1, 3))
                .containsExactly(new IoPriority(IoClass.REALTIME, 2), new IoPriority(IoClass.BEST_EFFORT, 6));
        assertThat(priorities.get(3)).isIn(ofNobody());
    }

    @Test
    void theLifetimeOfWhatIsWrittenIsInTheJournal(@DblockDevice(size = "8MiB") BlockDevice disk) {
        disk.journal().mark("begin");
        try (SystemCalls node = new SystemCalls(disk.path(), Mode.DIRECT)) {
            node.write(SystemCalls.memory(4096), 4096, 1 << 20);
            for (int hint = RWH_WRITE_LIFE_NOT_SET; hint <= RWH_WRITE_LIFE_EXTREME; hint++) {
                assertThat(node.writeHint(hint).ok()).as("%s", hint).isTrue();
                node.write(SystemCalls.memory(4096), 4096, 1 << 20);
            }
            node.writeHint(RWH_WRITE_LIFE_NOT_SET);
        }
        assertThat(writes(disk))
                .extracting(RequestInfo::writeHint)
                .containsExactly(
                        WriteHint.NOT_SET,
                        WriteHint.NOT_SET,
                        WriteHint.NONE,
                        WriteHint.SHORT,
                        WriteHint.MEDIUM,
                        WriteHint.LONG,
                        WriteHint.EXTREME);
    }

    @Test
    void aHandlerIsToldOfBoth() {
        Queue<String> seen = new ConcurrentLinkedQueue<>();
        try (BlockDevice disk = BlockDevice.builder()
                .size("8MiB")
                .handler((BlockRequest request) -> {
                    if (request.operation() == Operation.WRITE) {
                        seen.add(request.priority() + " " + request.writeHint());
                    }
                    request.complete();
                })
                .create()) {
            write(disk, "ionice", "-c", "1", "-n", "4");
            try (SystemCalls node = new SystemCalls(disk.path(), Mode.DIRECT)) {
                node.writeHint(RWH_WRITE_LIFE_LONG);
                node.write(SystemCalls.memory(4096), 4096, 1 << 20);
            }
        }
        assertThat(seen.poll()).isEqualTo("REALTIME/4 NOT_SET");
        assertThat(seen.poll())
                .isIn(ofNobody().stream().map(none -> none + " LONG").toList());
        assertThat(seen).isEmpty();
    }
}
