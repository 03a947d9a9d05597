// SPDX-License-Identifier: Apache-2.0
package io.dblock.oracle;

import io.dblock.handler.Operation;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.Survivors.Tearing;
import io.dblock.power.UnflushedWrite;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** Does random things to a disk and to a {@link PowerModel}, and compares the two, byte for byte. */
public final class PowerOracle {
    private static final int MAX_SNAPSHOTS = 3;
    private static final int FORK_OPERATIONS = 40;

    private final PowerDisk disk;
    private final Random random;
    private final Map<String, Integer> counts;
    private final boolean isFork;
    private final int block;
    private final int size;
    private final List<Image> images = new ArrayList<>();
    private final List<Pending> pending = new ArrayList<>();
    private PowerModel model;
    private boolean limited;

    /** A snapshot and what it is to have. */
    private static final class Image {
        private final PowerDisk.PowerImage image;
        private final byte[] content;

        Image(PowerDisk.PowerImage image, byte[] content) {
            this.image = image;
            this.content = content;
        }
    }

    /** A held request; {@code entry} of a write, {@code covered} of a flush. */
    private record Pending(PowerDisk.Held held, PowerModel.Entry entry, List<PowerModel.Entry> covered) {}

    private PowerOracle(PowerDisk disk, Random random, Map<String, Integer> counts, boolean isFork) throws IOException {
        this.disk = disk;
        this.random = random;
        this.counts = counts;
        this.isFork = isFork;
        block = disk.logicalBlock();
        size = Math.toIntExact(disk.size());
        model = new PowerModel(disk.read(0, size), block);
    }

    /**
     * Does {@code operations} operations by this seed. The disk stays open.
     *
     * @param counts gets how often each kind was done
     * @throws AssertionError at the first difference; it names the seed and the operation
     */
    public static void run(PowerDisk disk, long seed, int operations, Map<String, Integer> counts) throws IOException {
        new PowerOracle(disk, new Random(seed), counts, false).run("seed " + seed, operations);
    }

    /** An empty table of counts. */
    public static Map<String, Integer> newCounts() {
        return new TreeMap<>();
    }

    private void run(String name, int operations) throws IOException {
        for (int i = 0; i < operations; i++) {
            try {
                step();
                if (i % 16 == 0) {
                    checkAll();
                }
            } catch (AssertionError | IOException | RuntimeException e) {
                throw new AssertionError(name + ", operation " + i + ": " + e.getMessage(), e);
            }
        }
        checkAll();
        for (Image image : images) {
            image.image.close();
        }
    }

    private void count(String what) {
        counts.merge(what, 1, Integer::sum);
    }

    private void checkAll() throws IOException {
        PowerModel.requireSame(disk.read(0, size), model.current(), "the disk");
        model.check(disk.unflushed(), limited);
        for (Image image : images) {
            PowerModel.requireSame(image.image.read(0, size), image.content, "a snapshot");
        }
    }

    private int blocks(int most) {
        return 1 + random.nextInt(Math.min(most, size / block));
    }

    private int offset(int length) {
        // Often in the same few places, so that writes lie over each other.
        int places = (size - length) / block + 1;
        return (random.nextInt(3) > 0 ? random.nextInt(Math.min(places, 48)) : random.nextInt(places)) * block;
    }

    private byte[] data(int length) {
        byte[] data = new byte[length];
        random.nextBytes(data);
        return data;
    }

    private void step() throws IOException {
        int length = blocks(random.nextInt(8) == 0 ? disk.longestWrite() / block : 12) * block;
        int offset = offset(length);
        switch (random.nextInt(24)) {
            case 0, 1, 2, 3, 4, 5, 6 -> write(offset, data(length));
            case 7, 8 -> writeHeld(offset, data(length));
            case 9 -> goOn();
            case 10, 11 -> writeFua(offset, data(length));
            case 12 -> flush();
            case 13 -> flushHeld();
            case 14 -> zero(Operation.DISCARD, offset, length);
            case 15 -> zero(Operation.WRITE_ZEROES, offset, length);
            case 16 -> {
                count("READ");
                PowerModel.requireSame(
                        disk.read(offset, length),
                        Arrays.copyOfRange(model.current(), offset, offset + length),
                        "what was read at " + offset);
            }
            case 17 -> cut();
            case 18 -> snapshot();
            case 19 -> closeSnapshot();
            case 20, 21 -> fork();
            case 22 -> {
                if (random.nextInt(8) == 0) {
                    zero(Operation.DISCARD, 0, size);
                }
            }
            default -> {
                if (random.nextInt(6) == 0) {
                    limit();
                }
            }
        }
    }

    private void write(int offset, byte[] data) throws IOException {
        count("WRITE");
        disk.write(offset, data, false);
        model.write(Operation.WRITE, offset, data, true);
        evicted();
    }

    private void evicted() {
        if (limited) {
            model.check(disk.unflushed(), true);
        }
    }

    private void writeHeld(int offset, byte[] data) throws IOException {
        if (!disk.canHold()) {
            return;
        }
        count("WRITE in flight");
        PowerDisk.Held held = disk.writeHeld(offset, data);
        pending.add(new Pending(held, model.write(Operation.WRITE, offset, data, false), null));
        evicted();
    }

    private void flushHeld() {
        if (!disk.canHold()) {
            return;
        }
        count("FLUSH in flight");
        pending.add(new Pending(disk.flushHeld(), null, model.completed()));
    }

    private void goOn() throws IOException {
        if (pending.isEmpty()) {
            return;
        }
        Pending next = pending.remove(random.nextInt(pending.size()));
        next.held().go();
        if (next.entry() != null) {
            next.entry().completed = true;
        } else {
            model.flush(next.covered());
        }
    }

    private void writeFua(int offset, byte[] data) throws IOException {
        count("WRITE FUA");
        disk.write(offset, data, true);
        model.writeFua(offset, data);
    }

    private void flush() throws IOException {
        count("FLUSH");
        disk.flush();
        model.flush(model.completed());
    }

    private void zero(Operation operation, int offset, int length) throws IOException {
        count(operation.name());
        if (operation == Operation.DISCARD) {
            disk.discard(offset, length);
        } else {
            disk.writeZeroes(offset, length);
        }
        model.write(operation, offset, new byte[length], true);
        evicted();
    }

    private Survivors survivors() {
        List<Long> sequences = disk.unflushed().stream()
                .map(UnflushedWrite::sequence)
                .distinct()
                .toList();
        Survivors survivors =
                switch (random.nextInt(6)) {
                    case 0, 1 -> Survivors.NONE;
                    case 2 -> Survivors.ALL;
                    case 3 -> Survivors.prefix(random.nextInt(sequences.size() + 2));
                    case 4 ->
                        random.nextBoolean()
                                ? Survivors.random(random.nextLong())
                                : Survivors.random(random.nextLong(), random.nextInt(5) / 4.0);
                    default ->
                        Survivors.of(sequences.stream()
                                .filter(sequence -> random.nextBoolean())
                                .toList());
                };
        Tearing tearing = List.of(Tearing.NONE, Tearing.LAST, Tearing.EACH).get(random.nextInt(3));
        if (tearing != Tearing.NONE) {
            survivors = survivors.torn(tearing).withSeed(random.nextLong());
        }
        count("survivors " + survivors.choice());
        count("tearing " + survivors.tearing());
        return survivors;
    }

    private void cut() throws IOException {
        count("cut");
        Survivors survivors = survivors();
        boolean foreseen = images.size() < MAX_SNAPSHOTS && random.nextBoolean();
        PowerDisk.PowerImage foreseenImage = foreseen ? disk.snapshot(survivors) : null;
        CutReport report = disk.cut(survivors);
        byte[] content = model.afterCut(survivors, report);
        model.cutTo(content);
        if (foreseen) {
            count("snapshot of a cut");
            images.add(new Image(foreseenImage, content.clone()));
        }
        if (random.nextBoolean()) {
            keepSnapshot();
        }
        if (random.nextBoolean()) {
            failPending();
        }
        disk.restore();
        failPending();
        checkAll();
    }

    /** Requests of before the cut do nothing any more. */
    private void failPending() throws IOException {
        for (Pending one : pending) {
            count("in flight at a cut");
            try {
                one.held().go();
                PowerModel.require(one.covered() == null, "A flush of before the cut has succeeded after it");
            } catch (IOException e) {
                if (one.covered() == null) {
                    throw e;
                }
            }
        }
        pending.clear();
    }

    private void snapshot() throws IOException {
        count("snapshot");
        keepSnapshot();
    }

    private void keepSnapshot() throws IOException {
        if (images.size() < MAX_SNAPSHOTS) {
            images.add(new Image(disk.snapshot(), model.current().clone()));
        }
    }

    private void closeSnapshot() throws IOException {
        if (!images.isEmpty()) {
            count("snapshot closed");
            images.remove(random.nextInt(images.size())).image.close();
        }
    }

    private void fork() throws IOException {
        if (images.isEmpty() || isFork || random.nextInt(3) > 0) {
            return;
        }
        Image image = images.get(random.nextInt(images.size()));
        try (PowerDisk fork = image.image.fork()) {
            if (fork != null) {
                count("fork");
                if (random.nextInt(4) == 0) {
                    images.remove(image);
                    image.image.close();
                }
                new PowerOracle(fork, random, counts, true).run("fork", FORK_OPERATIONS);
            }
        }
    }

    private void limit() {
        count("limit");
        limited = random.nextInt(3) > 0;
        disk.limit(limited ? (long) random.nextInt(40) * block : Long.MAX_VALUE);
        model.check(disk.unflushed(), true);
    }
}
