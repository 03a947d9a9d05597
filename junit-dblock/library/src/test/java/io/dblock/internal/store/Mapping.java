// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A mapping of this process, as the kernel has it in smaps. The memory of the whole process would not do for a test:
 * the JVM's own goes up and down by tens of megabytes.
 *
 * @param start its first address; neighbours may be one mapping
 * @param end behind its last address
 * @param held bytes of memory that it has, those in swap included
 * @param flags two letters each; nh forbids huge pages
 */
record Mapping(long start, long end, long held, List<String> flags) {

    /** Returns how many bytes of a range are in memory or swap: a neighbour's pages, which come and go, do not count. */
    static long heldIn(long address, long length) throws IOException {
        int page = 4096;
        try (RandomAccessFile pages = new RandomAccessFile("/proc/self/pagemap", "r")) {
            byte[] entries = new byte[(int) (length / page) * Long.BYTES];
            pages.seek(address / page * Long.BYTES);
            pages.readFully(entries);
            LongBuffer all =
                    ByteBuffer.wrap(entries).order(ByteOrder.nativeOrder()).asLongBuffer();
            long held = 0;
            while (all.hasRemaining()) {
                // Bits 63 and 62: present, and swapped.
                held += all.get() >>> 62 == 0 ? 0 : page;
            }
            return held;
        }
    }

    /** Returns all mappings of this process. */
    static List<Mapping> all() throws IOException {
        List<Mapping> all = new ArrayList<>();
        long start = 0;
        long end = 0;
        long held = 0;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                String[] range = line.substring(0, line.indexOf(' ')).split("-", -1);
                start = Long.parseUnsignedLong(range[0], 16);
                end = Long.parseUnsignedLong(range[1], 16);
                held = 0;
            } else if (line.startsWith("Rss:") || line.startsWith("Swap:")) {
                held += Long.parseLong(line.replaceAll("\\D", "")) << 10;
            } else if (line.startsWith("VmFlags:")) {
                String[] flags = line.substring("VmFlags:".length()).strip().split(" ", -1);
                all.add(new Mapping(start, end, held, List.of(flags)));
            }
        }
        return all;
    }

    boolean has(long address) {
        return Long.compareUnsigned(start, address) <= 0 && Long.compareUnsigned(address, end) < 0;
    }
}
