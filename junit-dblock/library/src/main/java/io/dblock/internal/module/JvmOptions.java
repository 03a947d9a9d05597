// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import java.util.ArrayList;
import java.util.List;

/**
 * Options that make a JVM faster. A JVM refuses to start with an option that it does not have, so only JVMs known to have
 * these get them.
 */
public final class JvmOptions {
    /** The newest JDK that was seen to have the options here; all have them from JDK 17 on. */
    private static final int NEWEST_KNOWN = 25;

    private JvmOptions() {}

    /**
     * Returns options that make a JVM start faster.
     *
     * <ul>
     *   <li>Archives of classes are mapped at the addresses they were made for. Without that, a JVM maps an archive at a
     *       random address and changes the pointers in it. For the JDK's archive, that touches 1900 pages more, and 1100
     *       for the {@linkplain ServerArchive server process's}; in User Mode Linux, a page takes 52 µs.
     *   <li>If there is one processor, a method is compiled after ten times as many calls as usual, and a loop as usual: a
     *       JVM that starts must wait there for its compilers. In User Mode Linux, a test with one device takes a quarter
     *       less time with that in the test's JVM and the server process.
     * </ul>
     *
     * @param jdk the feature version of the JVM's JDK
     * @param processors how many the JVM has
     */
    public static List<String> fastStart(int jdk, int processors) {
        if (jdk > NEWEST_KNOWN) {
            return List.of();
        }
        List<String> options =
                new ArrayList<>(List.of("-XX:+UnlockDiagnosticVMOptions", "-XX:ArchiveRelocationMode=0"));
        if (processors == 1) {
            options.addAll(List.of(
                    "-XX:Tier3InvocationThreshold=2000",
                    "-XX:Tier3MinInvocationThreshold=1000",
                    "-XX:Tier3CompileThreshold=20000"));
        }
        return options;
    }

    /**
     * Returns options to copy memory 16 or 32 bytes at a time. HotSpot does that by itself only on processors it knows, and
     * copies 8 bytes at a time on others, such as QEMU's.
     *
     * @param jdk the feature version of the JVM's JDK
     */
    public static List<String> wideCopies(int jdk) {
        return System.getProperty("os.arch").equals("amd64") && jdk <= NEWEST_KNOWN
                ? List.of("-XX:+UseUnalignedLoadStores")
                : List.of();
    }
}
