// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A running QEMU with the streams from and to its guest. The kernel kills QEMU when the thread that started it ends
 * ({@code PR_SET_PDEATHSIG}), so start it from a thread that lives as long as the process. {@link #close()} kills it, too,
 * and deletes its files.
 */
final class QemuProcess implements Guest {

    /** The tag of the share with the kernel's modules, for a guest whose root does not have them. */
    static final String MODULES = "modules";

    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(30);

    private final GuestDirectory directory;
    private final Process process;
    private final SocketChannel fromGuest;
    private final SocketChannel toGuest;

    private QemuProcess(GuestDirectory directory, Process process, SocketChannel fromGuest, SocketChannel toGuest) {
        this.directory = directory;
        this.process = process;
        this.fromGuest = fromGuest;
        this.toGuest = toGuest;
    }

    /**
     * Starts QEMU and waits until it has connected both ports.
     *
     * @param console the file for the messages of the guest's kernel
     * @throws VmException if QEMU cannot be started, ends at once or does not connect
     */
    static QemuProcess start(
            GuestImage image,
            Accelerator accelerator,
            VmSettings settings,
            GuestConfiguration configuration,
            List<Path> shares,
            Path console) {
        GuestDirectory directory = null;
        Process process = null;
        try {
            directory = GuestDirectory.create();
            // QEMU gets the user's paths as links, because they may have commas or bytes that the locale does not
            // allow.
            Files.createSymbolicLink(directory.resolve("console"), console.toAbsolutePath());
            Files.createSymbolicLink(directory.resolve("kernel"), image.kernel());
            Files.createSymbolicLink(directory.resolve("root"), image.root());
            Files.createSymbolicLink(directory.resolve("modules"), image.modules());
            for (int i = 0; i < shares.size(); i++) {
                Files.createSymbolicLink(directory.resolve("share" + i), shares.get(i));
            }
            directory.writeInitramfs(image, configuration);
            try (ServerSocketChannel outServer = listen(directory.resolve("out"));
                    ServerSocketChannel inServer = listen(directory.resolve("in"))) {
                List<String> command = command(image, accelerator, settings, shares.size(), directory.path());
                process = new ProcessBuilder(command)
                        .directory(directory.path().toFile())
                        .redirectInput(ProcessBuilder.Redirect.from(
                                Path.of("/dev/null").toFile()))
                        .redirectErrorStream(true)
                        .redirectOutput(directory.messages().toFile())
                        .start();
                SocketChannel out = accept(outServer, process, directory);
                SocketChannel in = accept(inServer, process, directory);
                return new QemuProcess(directory, process, out, in);
            }
        } catch (IOException e) {
            end(process, directory);
            throw new VmException("cannot start the guest: " + e.getMessage(), e);
        } catch (RuntimeException | Error e) {
            end(process, directory);
            throw e;
        }
    }

    private static ServerSocketChannel listen(Path path) throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.configureBlocking(false);
        server.bind(UnixDomainSocketAddress.of(path));
        return server;
    }

    private static SocketChannel accept(ServerSocketChannel server, Process process, GuestDirectory directory)
            throws IOException {
        long deadline = System.nanoTime() + CONNECT_LIMIT.toNanos();
        while (System.nanoTime() < deadline) {
            SocketChannel channel = server.accept();
            if (channel != null) {
                channel.configureBlocking(true);
                return channel;
            }
            if (!process.isAlive()) {
                throw new VmException("QEMU ended with status " + process.exitValue() + " before the guest ran: "
                        + directory.readMessages());
            }
            pause(5);
        }
        throw new VmException("QEMU did not connect its ports within " + CONNECT_LIMIT.toSeconds() + " s: "
                + directory.readMessages());
    }

    static List<String> command(
            GuestImage image, Accelerator accelerator, VmSettings settings, int shares, Path directory) {
        MachineType machine = image.machine();
        List<String> command = new ArrayList<>();
        // QEMU has its own session, because signals to our process group are for the launcher, which passes them to the
        // guest's command. The kernel kills QEMU when the launcher's thread ends, even by kill -9.
        command.addAll(List.of(
                "setsid",
                "setpriv",
                "--pdeathsig",
                "KILL",
                image.qemu().orElseThrow().toString()));
        command.addAll(List.of("-name", "dblock-guest", "-nodefaults", "-no-user-config", "-no-reboot"));
        command.addAll(List.of("-display", "none"));
        command.addAll(machine.options(accelerator));
        command.addAll(List.of("-m", settings.memoryMiB(machine) + "M"));
        command.addAll(List.of("-smp", Integer.toString(settings.cpus())));
        command.addAll(List.of("-kernel", directory.resolve("kernel").toString()));
        command.addAll(List.of("-initrd", directory.resolve("initramfs").toString()));
        command.addAll(List.of("-append", kernelParameters(machine, settings)));
        command.addAll(List.of("-serial", "file:" + directory.resolve("console")));
        command.addAll(List.of("-device", "virtio-serial-pci"));
        for (String port : List.of("out", "in")) {
            command.addAll(List.of("-chardev", "socket,id=" + port + ",path=" + directory.resolve(port)));
            command.addAll(List.of("-device", "virtserialport,chardev=" + port + ",name=io.dblock." + port));
        }
        // The guest cannot change the host's file tree, because QEMU refuses it.
        command.addAll(share("root", directory.resolve("root").toString(), true));
        if (image.hasItsOwnRoot()) {
            command.addAll(share(MODULES, directory.resolve("modules").toString(), true));
        }
        for (int i = 0; i < shares; i++) {
            command.addAll(share("share" + i, directory.resolve("share" + i).toString(), false));
        }
        command.addAll(settings.qemuOptions());
        return command;
    }

    private static List<String> share(String tag, String path, boolean readOnly) {
        return List.of(
                "-fsdev",
                "local,id=" + tag + ",path=" + path + ",security_model=none,multidevs=remap"
                        + (readOnly ? ",readonly=on" : ""),
                "-device",
                "virtio-9p-pci,fsdev=" + tag + ",mount_tag=" + tag);
    }

    private static String kernelParameters(MachineType machine, VmSettings settings) {
        // An oops ends the guest, and -no-reboot then ends QEMU. Emulated processors stall on a busy host, so the
        // watchdogs get more time than by default, to avoid false reports, and an x86 kernel does not check whether
        // timer
        // interrupts arrive in time.
        return "console=" + machine.console() + " quiet loglevel=5 panic=-1 oops=panic mitigations=off"
                + " random.trust_cpu=on selinux=0 apparmor=0 watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"
                + (machine.isX86() ? " no_timer_check" : "")
                + (settings.cmdline().isEmpty() ? "" : " " + settings.cmdline());
    }

    @Override
    public InputStream fromGuest() {
        return new BufferedInputStream(Channels.newInputStream(fromGuest), 1 << 17);
    }

    @Override
    public WritableByteChannel toGuest() {
        return toGuest;
    }

    boolean isAlive() {
        return process.isAlive();
    }

    @Override
    public boolean waitFor(Duration limit) throws InterruptedException {
        return process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public String messages() {
        return "QEMU: " + directory.readMessages();
    }

    @Override
    public void kill() {
        process.destroyForcibly();
    }

    @Override
    public void close() {
        try {
            end(process, directory);
        } finally {
            quietly(fromGuest);
            quietly(toGuest);
        }
    }

    private static void end(Process process, GuestDirectory directory) {
        if (process != null) {
            process.destroyForcibly();
            try {
                process.waitFor(10, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        if (directory != null) {
            directory.close();
        }
    }

    private static void quietly(SocketChannel channel) {
        try {
            channel.close();
        } catch (IOException ignored) {
            // The peer is gone, so nothing more can be done.
        }
    }

    private static void pause(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new VmException("interrupted while waiting for QEMU", e);
        }
    }
}
