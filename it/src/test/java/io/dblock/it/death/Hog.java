// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Needs memory, and uses all of it again and again. The first the kernel would kill. */
public final class Hog {

    private static final int PAGE = 4096;
    private static final int PIECE = 4 << 20;

    private Hog() {}

    /** The argument is how many bytes. Prints a line for each time it has been through them all, and found what it had put there. */
    public static void main(String[] args) throws IOException {
        Files.writeString(Path.of("/proc/self/oom_score_adj"), "1000");
        List<ByteBuffer> pieces = new ArrayList<>();
        Random random = new Random(1);
        byte[] page = new byte[PAGE];
        for (long left = Long.parseLong(args[0]); left > 0; left -= PIECE) {
            ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
            for (int at = 0; at < PIECE; at += PAGE) {
                random.nextBytes(page);
                piece.put(at, page);
            }
            pieces.add(piece);
        }
        long[] sums = pieces.stream().mapToLong(Hog::sum).toArray();
        while (true) {
            for (int i = 0; i < sums.length; i++) {
                if (sum(pieces.get(i)) != sums[i]) {
                    throw new AssertionError("memory has changed in piece " + i);
                }
            }
            System.out.println("well");
        }
    }

    /** Of a word of each page: it is the page that has to come back. */
    private static long sum(ByteBuffer piece) {
        long sum = 0;
        for (int at = 0; at < PIECE; at += PAGE) {
            sum = 31 * sum + piece.getLong(at) + piece.getLong(at + PAGE - Long.BYTES);
        }
        return sum;
    }
}
