// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A small project of somebody else's, built offline by the plugins that this build uses itself. */
final class MavenProject {

    private final Path directory;

    /**
     * Makes its {@code pom.xml}.
     *
     * @param configuration more elements for Surefire's
     * @param dependencies more of them
     * @param modules its modules, none if it is no parent
     */
    MavenProject(Path directory, String configuration, String dependencies, String... modules) throws IOException {
        this.directory = Files.createDirectories(directory);
        StringBuilder list = new StringBuilder();
        for (String module : modules) {
            list.append("<module>").append(module).append("</module>");
        }
        write(
                "pom.xml",
                """
                <project xmlns="http://maven.apache.org/POM/4.0.0">
                  <modelVersion>4.0.0</modelVersion>
                  <groupId>somebody</groupId>
                  <artifactId>%s</artifactId>
                  <version>1</version>
                  <packaging>%s</packaging>
                  %s
                  <properties>
                    <maven.compiler.release>17</maven.compiler.release>
                    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
                  </properties>
                  <dependencies>
                    <dependency>
                      <groupId>org.junit.jupiter</groupId>
                      <artifactId>junit-jupiter</artifactId>
                      <version>%s</version>
                      <scope>test</scope>
                    </dependency>
                    %s
                  </dependencies>
                  <build>
                    <plugins>
                      <plugin>
                        <artifactId>maven-resources-plugin</artifactId>
                        <version>%s</version>
                      </plugin>
                      <plugin>
                        <artifactId>maven-compiler-plugin</artifactId>
                        <version>%s</version>
                      </plugin>
                      <plugin>
                        <artifactId>maven-surefire-plugin</artifactId>
                        <version>%s</version>
                        <configuration>
                          %s
                        </configuration>
                      </plugin>
                    </plugins>
                  </build>
                </project>
                """
                        .formatted(
                                directory.getFileName(),
                                modules.length == 0 ? "jar" : "pom",
                                modules.length == 0 ? "" : "<modules>" + list + "</modules>",
                                find("<junit.version>([^<]+)</"),
                                dependencies,
                                version("maven-resources-plugin"),
                                version("maven-compiler-plugin"),
                                version("maven-surefire-plugin"),
                                configuration));
    }

    Path directory() {
        return directory;
    }

    Path write(String file, String text) throws IOException {
        Path path = directory.resolve(file);
        Files.createDirectories(path.getParent());
        return Files.writeString(path, text);
    }

    /** Maven, offline, with the repository that this build has. */
    static List<String> maven(String... arguments) {
        List<String> command = new ArrayList<>(List.of("mvn", "-B", "-o"));
        String repository = System.getProperty("localRepository", System.getProperty("maven.repo.local"));
        if (repository != null) {
            command.add("-Dmaven.repo.local=" + repository);
        }
        command.addAll(List.of(arguments));
        return command;
    }

    /** The version that the parent project gives to a plugin: its files are in the local repository. */
    private static String version(String plugin) throws IOException {
        return find("<artifactId>" + plugin + "</artifactId>\\s*<version>([^<]+)</version>");
    }

    private static String find(String pattern) throws IOException {
        Path pom = Path.of("../pom.xml");
        Matcher matcher = Pattern.compile(pattern).matcher(Files.readString(pom));
        assertThat(matcher.find()).as(pattern + " in " + pom).isTrue();
        return matcher.group(1);
    }
}
