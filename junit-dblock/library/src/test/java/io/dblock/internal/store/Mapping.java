// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A mapping of this process, as the kernel has it in smaps. The memory of the whole process would not do for a test:
 * the JVM's own goes up and down by tens of megabytes.
 *
 * @param held bytes of memory that it has, those in swap included
 * @param flags two letters each; nh forbids huge pages
 */
record Mapping(long held, List<String> flags) {

    static Mapping at(long address) throws IOException {
        boolean inside = false;
        long held = 0;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                String[] range = line.substring(0, line.indexOf(' ')).split("-", -1);
                inside = Long.compareUnsigned(Long.parseUnsignedLong(range[0], 16), address) <= 0
                        && Long.compareUnsigned(address, Long.parseUnsignedLong(range[1], 16)) < 0;
            } else if (inside && (line.startsWith("Rss:") || line.startsWith("Swap:"))) {
                held += Long.parseLong(line.replaceAll("\\D", "")) << 10;
            } else if (inside && line.startsWith("VmFlags:")) {
                return new Mapping(
                        held,
                        List.of(line.substring("VmFlags:".length()).strip().split(" ", -1)));
            }
        }
        throw new AssertionError("no mapping at " + Long.toHexString(address));
    }
}
