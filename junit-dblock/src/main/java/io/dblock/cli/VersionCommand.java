// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Prints the version. */
@Command(name = "version", description = "Print the version.")
final class VersionCommand implements Callable<Integer> {
    private static final String PROPERTIES = "/META-INF/maven/io.dblock/junit-dblock/pom.properties";

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        spec.commandLine()
                .getOut()
                .println("junit-dblock " + version() + " (Java " + System.getProperty("java.version") + ", "
                        + System.getProperty("os.name") + " " + System.getProperty("os.version") + ", "
                        + System.getProperty("os.arch") + ")");
        return Main.OK;
    }

    /** Maven puts it into the jar; a directory of classes has none. */
    private static String version() throws IOException {
        try (InputStream stream = VersionCommand.class.getResourceAsStream(PROPERTIES)) {
            if (stream == null) {
                return "(not from a jar)";
            }
            Properties properties = new Properties();
            properties.load(stream);
            return properties.getProperty("version");
        }
    }
}
