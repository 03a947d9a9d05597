// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A program that starts containers in a guest, and says what came of it. */
final class ContainersInGuest {

    private static final String IMAGE = "dblock/debian";
    private static final long LIMIT_SECONDS = 300;

    private ContainersInGuest() {}

    public static void main(String[] arguments) throws Exception {
        for (String argument : arguments) {
            switch (argument) {
                case "disk" -> filesAreOnTheDisk();
                case "node" -> nodesAreForThoseThatMayOpenThem();
                case "ports" -> portsLeadToContainers();
                default -> throw new IllegalArgumentException(argument);
            }
        }
    }

    private static void filesAreOnTheDisk() throws Exception {
        // The kernel writes what is dirty after 30 s by itself, and an emulated guest may take so long to end a
        // container.
        Files.writeString(Path.of("/proc/sys/vm/dirty_writeback_centisecs"), "0");
        try (BlockDevice disk =
                BlockDevice.builder().size("64MiB").filesystem(Filesystem.EXT4).create()) {
            String volume = disk.mount() + ":/data";
            say(docker("run", "--rm", "--network=host", "-v", volume, IMAGE, "sh", "-c", "echo hi from $(id -un)"));
            docker(
                    "run",
                    "--rm",
                    "-v",
                    volume,
                    IMAGE,
                    "sh",
                    "-c",
                    "echo durable > /data/synced && sync /data/synced && echo lost > /data/unsynced");
            say("before the cut: "
                    + Files.readString(disk.mount().resolve("unsynced")).strip());
            disk.powerCut();
            disk.restorePower();
            Path unsynced = disk.mount().resolve("unsynced");
            say("after the cut: "
                    + Files.readString(disk.mount().resolve("synced")).strip() + ", "
                    + (Files.exists(unsynced) ? Files.readString(unsynced).strip() : ""));
        }
    }

    private static void nodesAreForThoseThatMayOpenThem() throws Exception {
        try (BlockDevice disk = BlockDevice.builder().size("64MiB").create()) {
            String node = disk.path().toString();
            String device = "--device=" + node;
            // Even with a node of its own, which root can make.
            String numbers = Files.getAttribute(disk.path(), "unix:rdev") + "";
            long rdev = Long.parseLong(numbers);
            String own =
                    "mknod /disk b " + (rdev >> 8 & 0xfff) + " " + (rdev & 0xff) + " && head -c 512 /disk > /dev/null";
            say("without: " + status("run", "--rm", IMAGE, "sh", "-c", own));
            String make = "mkfs.ext4 -q " + node;
            String mount = make + " && mkdir /disk && mount " + node + " /disk && umount /disk";
            say("device: mkfs " + status("run", "--rm", device, IMAGE, "sh", "-c", make) + ", mount "
                    + status("run", "--rm", device, IMAGE, "sh", "-c", mount));
            say("privileged: mount " + status("run", "--rm", "--privileged", device, IMAGE, "sh", "-c", mount));
        }
    }

    private static void portsLeadToContainers() throws Exception {
        docker("network", "create", "together");
        String password = "-ePOSTGRES_PASSWORD=secret";
        docker("run", "-d", "--name=first", "--network=together", "-p5432", password, "dblock/postgres");
        await("first", "listening on IPv4 address \"0.0.0.0\"");
        String published = docker("port", "first", "5432").lines().findFirst().orElseThrow();
        int port = Integer.parseInt(published.substring(published.lastIndexOf(':') + 1));
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout((int) TimeUnit.SECONDS.toMillis(LIMIT_SECONDS));
            // A request for TLS, which PostgreSQL answers with one byte.
            socket.getOutputStream().write(new byte[] {0, 0, 0, 8, 4, (byte) 0xd2, 0x16, 0x2f});
            say("through the port: " + (char) socket.getInputStream().read());
        }
        String query = "psql -h first -U postgres -Atc 'select 6 * 7'";
        say("by its name: "
                + docker(
                        "run",
                        "--rm",
                        "--network=together",
                        "-ePGPASSWORD=secret",
                        "dblock/postgres",
                        "sh",
                        "-c",
                        query));
        long ready = docker("logs", "first")
                .lines()
                .filter(line -> line.contains("database system is ready to accept connections"))
                .count();
        say("times it was ready: " + ready);
        docker("stop", "first");
    }

    private static void await(String container, String line) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        String said = docker("logs", container);
        while (!said.contains(line)) {
            if (System.nanoTime() > deadline
                    || !docker("ps", "-q").lines().findAny().isPresent()) {
                throw new IllegalStateException(
                        container + " has not said '" + line + "' within " + LIMIT_SECONDS + " s, but:\n" + said);
            }
            Thread.sleep(500);
            said = docker("logs", container);
        }
    }

    private static void say(String text) {
        System.out.println(text.strip());
    }

    private static String docker(String... arguments) throws Exception {
        Result result = run(arguments);
        if (result.status() != 0) {
            throw new IllegalStateException(
                    String.join(" ", arguments) + " ended with status " + result.status() + ":\n" + result.output());
        }
        return result.output();
    }

    /** Returns whether it was done: what a container may not do is no error of ours. */
    private static String status(String... arguments) throws Exception {
        Result result = run(arguments);
        System.err.println(String.join(" ", arguments) + " said:\n" + result.output());
        return result.status() == 0 ? "done" : "refused";
    }

    private record Result(int status, String output) {}

    private static Result run(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("docker"));
        command.addAll(List.of(arguments));
        Path output = Files.createTempFile("docker", ".txt");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new IllegalStateException(command + " did not end within " + LIMIT_SECONDS + " s");
        }
        return new Result(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
    }
}
