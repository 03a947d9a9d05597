// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import io.dblock.internal.kernel.NativeMemory;
import java.util.concurrent.TimeUnit;

/** Takes the number of pages that the argument says, no two side by side, and keeps them for a minute. */
public final class ScatteredPages {
    private static final int TWO_PAGES = 2 * 4096;

    private ScatteredPages() {}

    public static void main(String[] args) throws Exception {
        int pages = Integer.parseInt(args[0]);
        NativeMemory memory = NativeMemory.map((long) pages * TWO_PAGES);
        for (int i = 0; i < pages; i++) {
            memory.view((long) i * TWO_PAGES, 1).put(0, (byte) 1);
        }
        System.out.println("took " + pages + " pages");
        TimeUnit.MINUTES.sleep(1);
        memory.close();
    }
}
