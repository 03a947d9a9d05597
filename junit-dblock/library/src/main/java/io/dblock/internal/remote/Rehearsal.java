// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.OwnProcess;
import io.dblock.internal.kernel.ProcFs;
import io.dblock.internal.module.ModuleLoader;
import io.dblock.internal.server.LocalServer;
import java.io.File;
import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.jar.JarFile;
import java.util.regex.Pattern;

/**
 * Loads the classes that a server process needs, for an archive of them. It starts as a server process does, with itself as
 * the test JVM, and serves no device. Classes that only devices need are loaded and not run.
 */
final class Rehearsal {
    private static final Pattern SERVING = Pattern.compile(
            "io/dblock/(DeviceStatistics|(fault|handler|journal|power|internal/(kernel|module|store|journal|fault|watchdog|server|remote))/.*)\\.class");
    private static final int PIPE = 1 << 16;

    private Rehearsal() {}

    static void run() throws IOException {
        long self = ProcessHandle.current().pid();
        OwnProcess.newSession();
        new ProcFs(Path.of("/proc")).mounts("self");
        PipedOutputStream toServer = new PipedOutputStream();
        PipedOutputStream toTest = new PipedOutputStream();
        PipedInputStream atServer = new PipedInputStream(toServer, PIPE);
        PipedInputStream atTest = new PipedInputStream(toTest, PIPE);
        Peer peer = ServerMain.testJvm(self);
        Connection connection = new Connection(atServer, toTest, ServerCommands.class, peer);
        connection.start(new CommandServer(
                LocalServer.instance(),
                connection.remote(TestCommands.class, Command.timeout()),
                connection.references(),
                self,
                path -> path));
        new RemoteServer(atTest, toServer, self, peer, ModuleLoader::openSession, () -> {}).start(Command.timeout());
        loadAll();
        System.exit(0); // The threads of the connection would keep the JVM alive.
    }

    private static void loadAll() throws IOException {
        try (JarFile jar = new JarFile(ownJar())) {
            for (String name : jar.stream()
                    .map(entry -> entry.getName())
                    .filter(SERVING.asMatchPredicate())
                    .toList()) {
                Class.forName(
                        name.substring(0, name.length() - ".class".length()).replace('/', '.'),
                        false,
                        Rehearsal.class.getClassLoader());
            }
        } catch (ClassNotFoundException e) {
            throw new IOException(e);
        }
    }

    private static File ownJar() throws IOException {
        try {
            return new File(Rehearsal.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
    }
}
