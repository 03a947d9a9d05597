// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.BlockDevice;
import io.dblock.CacheMode;
import io.dblock.DblockException;
import io.dblock.Filesystem;
import io.dblock.Placement;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.ImageMode;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.store.FileStore;
import io.dblock.internal.store.MemoryStore;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;

/**
 * The JVM that things happen to: it has disks, and does as it is told on its standard input, a line each, answered by one
 * line on its standard output: {@code ok} or {@code failed}, and what else there is to say.
 */
public final class Victim {

    private static final long RAW_SIZE = 16L << 20;
    private static final int WRITE = 64 << 10;
    private static final Duration SWAP_TIMEOUT = Duration.ofSeconds(30);
    private static final int FILE_WRITES = 64;
    private static final long SWAP_SIZE = 192L << 20;

    private final AtomicReference<MoodyHandler.Mood> mood = new AtomicReference<>(MoodyHandler.WELL);
    private final List<BlockDevice> disks = new ArrayList<>();
    /** What handlers in request form have their data in: nobody closes it with the device. */
    private final List<BlockHandler> forgotten = new ArrayList<>();

    private final Images images;
    private CountDownLatch hang = new CountDownLatch(0);

    private Victim(Images images) {
        this.images = images;
    }

    /** The arguments are the images of the filesystems, ext4's and XFS's. */
    public static void main(String[] args) throws IOException {
        PrintStream answers = System.out;
        System.setOut(System.err);
        Victim victim = new Victim(new Images(Path.of(args[0]), Path.of(args[1])));
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String order = orders.readLine();
        while (order != null) {
            String answer;
            try {
                answer = "ok " + victim.obey(order.split(" ", -1));
            } catch (Exception | Error e) {
                e.printStackTrace();
                answer = "failed " + e;
            }
            answers.println(answer.replace('\n', '|'));
            answers.flush();
            order = orders.readLine();
        }
        // Whoever gave the orders is gone.
        Runtime.getRuntime().halt(3);
    }

    private String obey(String[] order) throws IOException {
        return switch (order[0]) {
            case "disks" -> make(Serving.valueOf(order[1]), Duration.ofMillis(Long.parseLong(order[2])));
            case "write" -> writeOwnFiles();
            case "swap" -> makeSwapDisk();
            case "errors" -> errors();
            case "out-of-memory" -> feel(Moods.outOfMemory(new Random(Long.parseLong(order[1]))));
            case "throw" -> feel(Moods.thrown(new Random(Long.parseLong(order[1]))));
            case "hang" -> {
                hang = new CountDownLatch(1);
                yield feel(
                        forgotten.isEmpty()
                                ? Moods.hanging(hang, new Random(Long.parseLong(order[1])))
                                : MoodyHandler.FORGETFUL);
            }
            case "recover" -> {
                hang.countDown();
                yield feel(MoodyHandler.WELL);
            }
            case "failures" -> failures();
            case "destroy" -> destroy();
            case "close-sessions" -> closeSessions();
            case "close" -> close();
            case "exit" -> {
                new Thread(() -> System.exit(0)).start();
                yield "";
            }
            case "halt" -> {
                Runtime.getRuntime().halt(0);
                yield "";
            }
            default -> throw new IllegalArgumentException("no such order: " + order[0]);
        };
    }

    private String make(Serving serving, Duration timeout) throws IOException {
        boolean own = serving.isHandler();
        BlockDevice.Builder raw = BlockDevice.builder().requestTimeout(timeout);
        BlockDevice.Builder ext4 = BlockDevice.builder().requestTimeout(timeout);
        BlockDevice.Builder xfs = BlockDevice.builder().requestTimeout(timeout);
        if (own) {
            answer(serving, raw.size(RAW_SIZE), new MemoryStore(RAW_SIZE));
            for (var disk : List.of(new Copy(ext4, images.ext4()), new Copy(xfs, images.xfs()))) {
                answer(
                        serving,
                        disk.builder.size(Files.size(disk.image)),
                        new FileStore(disk.image, ImageMode.COPY_ON_WRITE, 512));
            }
        } else {
            raw.size(RAW_SIZE);
            Placement placement = Placement.valueOf(serving.name());
            List.of(raw, ext4, xfs).forEach(builder -> builder.placement(placement));
            ext4.image(images.ext4(), ImageMode.COPY_ON_WRITE).filesystem(Filesystem.EXT4);
            xfs.image(images.xfs(), ImageMode.COPY_ON_WRITE).filesystem(Filesystem.XFS);
        }
        for (BlockDevice.Builder builder : List.of(raw, ext4, xfs)) {
            disks.add(builder.create());
        }
        return new Disks(
                        disks.get(0).path(),
                        disks.get(1).path(),
                        disks.get(2).path(),
                        own ? Path.of("-") : disks.get(1).mount(),
                        own ? Path.of("-") : disks.get(2).mount())
                .line();
    }

    private void answer(Serving serving, BlockDevice.Builder disk, BlockHandler data) {
        if (serving == Serving.HANDLER) {
            disk.handler(new MoodyHandler(data, mood));
        } else {
            disk.handler(new MoodyRequests(data, mood));
            forgotten.add(data);
        }
    }

    private record Copy(BlockDevice.Builder builder, Path image) {}

    private String feel(MoodyHandler.Mood next) {
        mood.set(next);
        return "";
    }

    /** Keeps writing to files on its own disks, so that there is always something of its own dirty. */
    private String writeOwnFiles() throws IOException {
        for (BlockDevice disk : disks.subList(1, disks.size())) {
            Path file = disk.mount().resolve("own");
            FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            Thread writer = new Thread(
                    () -> {
                        ByteBuffer data = ByteBuffer.allocateDirect(WRITE);
                        Random random = new Random(1);
                        try {
                            for (long round = 1; ; round++) {
                                data.clear();
                                data.putLong(0, random.nextLong());
                                channel.write(data, random.nextInt(FILE_WRITES) * (long) WRITE);
                                if (round % 64 == 0) {
                                    channel.force(false);
                                }
                            }
                        } catch (IOException e) {
                            // As is to be expected of a disk that goes away; its reader is the kernel's own report.
                            System.err.println("own file: " + e);
                        }
                    },
                    "writer");
            writer.setDaemon(true);
            writer.start();
        }
        return "";
    }

    /**
     * One more disk, for a swap area. The kernel swaps because there is no memory left, so there must be none to be had for what
     * it writes: all its blocks have theirs from the start, and what a write replaces is not kept.
     */
    private String makeSwapDisk() throws IOException {
        BlockDevice disk = BlockDevice.builder()
                .size(SWAP_SIZE)
                .cache(CacheMode.NONE)
                .requestTimeout(SWAP_TIMEOUT)
                .create();
        disks.add(disk);
        ByteBuffer data = ByteBuffer.allocateDirect(1 << 20);
        for (int i = 0; i < data.capacity(); i += Long.BYTES) {
            data.putLong(i, -1);
        }
        try (FileChannel channel = disk.openChannel()) {
            for (long at = 0; at < SWAP_SIZE; at += data.capacity()) {
                channel.write(data.rewind(), at);
            }
        }
        return disk.path().toString();
    }

    /** How many requests have failed, on each disk. */
    private String errors() {
        return disks.stream()
                .map(disk -> Long.toString(disk.statistics().errors()))
                .collect(Collectors.joining(" "));
    }

    private String failures() {
        StringBuilder text = new StringBuilder();
        for (BlockDevice disk : disks) {
            disk.handlerFailures().stream()
                    .map(f -> f.getClass().getSimpleName())
                    .distinct()
                    .forEach(name -> text.append(name).append(' '));
        }
        return text.toString().strip();
    }

    /** By force, and by means of another session than that which serves it. */
    private String destroy() {
        StringBuilder outcome = new StringBuilder();
        try (ControlSession session = ControlSession.open()) {
            for (BlockDevice disk : disks) {
                try {
                    session.destroy(disk.name(), true);
                    outcome.append("destroyed ");
                } catch (ControlException e) {
                    outcome.append(e.errno()).append(' ');
                }
            }
        }
        return outcome.toString().strip();
    }

    /** Closes the descriptors of the control node behind the library's back, and keeps their numbers from being used again. */
    private String closeSessions() throws IOException {
        int closed = 0;
        try (DirectoryStream<Path> fds = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (Path fd : fds) {
                if (Files.isSymbolicLink(fd)
                        && Files.readSymbolicLink(fd).toString().equals("/dev/dblockctl")) {
                    Kernel.replaceByNothing(Integer.parseInt(fd.getFileName().toString()));
                    closed++;
                }
            }
        }
        return Integer.toString(closed);
    }

    private String close() throws IOException {
        List<String> said = new ArrayList<>();
        for (BlockDevice disk : disks) {
            try {
                disk.close();
            } catch (DblockException e) {
                said.add(e.getClass().getSimpleName() + ": " + e.getMessage());
            }
        }
        disks.clear();
        for (BlockHandler data : forgotten) {
            data.close();
        }
        forgotten.clear();
        mood.set(MoodyHandler.WELL);
        return String.join("; ", said);
    }
}
