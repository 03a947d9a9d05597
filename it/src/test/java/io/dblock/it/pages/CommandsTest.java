// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.pages;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Profiles and properties of Maven that pages name are the build's, or those of a test or the library. */
class CommandsTest {
    private static final Pattern PROFILE = Pattern.compile("(?<![\\w-])-P([\\w-]+)");
    private static final Pattern PROPERTY = Pattern.compile("-D(dblock[\\w.]+?|surefire\\.skip)(?![\\w.]*\\w)");

    @Test
    void profilesAndPropertiesOfMavenAreThere() throws Exception {
        String poms = read("pom.xml") + read("it/pom.xml");
        String sources = sources("src/test/java") + sources("../junit-dblock/library/src/main/java");
        List<String> named = new ArrayList<>();
        List<String> missing = new ArrayList<>();
        for (Page page : Page.all()) {
            for (MatchResult match : PROFILE.matcher(page.text()).results().toList()) {
                named.add(match.group(1));
                if (!poms.contains("<id>" + match.group(1) + "</id>")) {
                    missing.add(match.group() + " in " + page);
                }
            }
            for (MatchResult match : PROPERTY.matcher(page.text()).results().toList()) {
                String name = match.group(1);
                named.add(name);
                // The benchmark's are put together from these and what follows.
                String last = name.replace("dblock.bench.", "");
                if (!poms.contains("<" + name + ">")
                        && !sources.contains('"' + name + '"')
                        && !sources.contains('"' + last + '"')) {
                    missing.add(match.group() + " in " + page);
                }
            }
        }
        assertThat(named).as("profiles and properties that pages name").contains("quickstart", "dblock.kernels");
        assertThat(missing)
                .as("profiles and properties that neither a POM nor a test nor the library has")
                .isEmpty();
    }

    private static String sources(String directory) throws IOException {
        try (Stream<Path> files = Files.walk(Path.of(directory))) {
            return files.filter(Files::isRegularFile)
                    .map(file -> Page.of(file).text())
                    .collect(Collectors.joining());
        }
    }

    private static String read(String file) {
        return Page.of(Page.ROOT.resolve(file)).text();
    }
}
