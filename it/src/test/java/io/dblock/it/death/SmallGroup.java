// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A control group (version 2) with little memory. What its processes have from before is not counted. */
final class SmallGroup implements AutoCloseable {

    private static final Path ROOT = Path.of("/sys/fs/cgroup");
    private final Path group;

    private SmallGroup(Path group) {
        this.group = group;
    }

    static SmallGroup make() throws IOException {
        Files.writeString(ROOT.resolve("cgroup.subtree_control"), "+memory");
        return new SmallGroup(Files.createDirectories(ROOT.resolve("dblock-deaths")));
    }

    void add(long pid) throws IOException {
        Files.writeString(group.resolve("cgroup.procs"), Long.toString(pid));
    }

    /**
     * Takes effect at once: what is beyond it has to be written and dropped before this returns. Who gets over it is held up;
     * only who gets to the double of it all the same may be killed.
     */
    void limit(long bytes) throws IOException {
        Files.writeString(group.resolve("memory.max"), Long.toString(2 * bytes));
        Files.writeString(group.resolve("memory.high"), Long.toString(bytes));
    }

    /** How often its processes have met the limit. */
    long pressed() throws IOException {
        return event("high ") + event("max ");
    }

    /** How many of its processes the kernel has killed, for there was nothing left to drop. */
    long killed() throws IOException {
        return event("oom_kill ");
    }

    private long event(String name) throws IOException {
        return Files.readAllLines(group.resolve("memory.events")).stream()
                .filter(line -> line.startsWith(name))
                .mapToLong(line -> Long.parseLong(line.substring(name.length())))
                .findFirst()
                .orElseThrow();
    }

    /** Puts those of its processes that live back where all others are, and removes it. */
    @Override
    public void close() throws IOException {
        Files.writeString(group.resolve("memory.high"), "max");
        Files.writeString(group.resolve("memory.max"), "max");
        Poll.until("the processes of " + group + " to have left it", Round.BOUND, () -> {
            List<String> members = Files.readAllLines(group.resolve("cgroup.procs"));
            for (String pid : members) {
                leave(pid);
            }
            return members.isEmpty();
        });
        Poll.until(group + " to be removed", Round.BOUND, () -> group.toFile().delete() || Files.notExists(group));
    }

    private static void leave(String pid) {
        try {
            Files.writeString(ROOT.resolve("cgroup.procs"), pid);
        } catch (IOException e) {
            // It has ended meanwhile; whoever has not is looked for again.
        }
    }
}
