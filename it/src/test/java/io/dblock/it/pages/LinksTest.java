// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.pages;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Links of pages lead somewhere, and README to every page. */
class LinksTest {
    private static final Page README = Page.of(Page.ROOT.resolve("README.md"));

    @Test
    void everyLinkLeadsToAFileAndAHeadingThatAreThere() {
        List<String> broken = new ArrayList<>();
        int links = 0;
        for (Page page : Page.all()) {
            for (String link : page.links()) {
                links++;
                problem(page, link).ifPresent(problem -> broken.add(page + ": " + link + ": " + problem));
            }
        }
        assertThat(links).as("links in all pages").isGreaterThan(50);
        assertThat(broken).as("broken links").isEmpty();
    }

    @Test
    void aBrokenLinkIsFound() {
        Page page = new Page(
                Page.ROOT.resolve("NEW.md"),
                """
                # One
                [file](no/such.md) [anchor](#two) [other](README.md#no-such-heading) ![picture](no.svg)
                [good](#one) [good](README.md) [good](https://example.org/) `[code](no)`
                ```
                [block](no)
                ```
                """);
        assertThat(page.links().stream().filter(link -> problem(page, link).isPresent()))
                .containsExactly("no/such.md", "#two", "README.md#no-such-heading", "no.svg");
    }

    @Test
    void headingsHaveTheNamesThatGitHubGivesThem() {
        Page page = new Page(
                Page.ROOT,
                """
                # When a fault "does not arrive"
                ## `setup` & `doctor`
                ## From kill -9
                # Two
                # Two
                """);
        assertThat(page.anchors())
                .containsExactly("when-a-fault-does-not-arrive", "setup--doctor", "from-kill--9", "two", "two-1");
    }

    @Test
    void readmeIsShortAndLeadsToEveryPage() {
        assertThat(README.text().lines()).as("lines of README.md").hasSizeLessThanOrEqualTo(310);
        List<String> targets = README.links().stream()
                .map(link -> link.replaceFirst("#.*", ""))
                .toList();
        for (Page page : Page.all()) {
            if (!page.file().equals(README.file())) {
                assertThat(targets).as("links of README.md").contains(page.toString());
            }
        }
    }

    private static Optional<String> problem(Page page, String link) {
        if (link.startsWith("https://")) {
            return URI.create(link).getHost() == null ? Optional.of("no address") : Optional.empty();
        }
        String[] parts = link.split("#", 2);
        Path target = parts[0].isEmpty()
                ? page.file()
                : page.file().resolveSibling(parts[0]).normalize();
        if (!target.equals(page.file()) && !Files.exists(target)) {
            return Optional.of("there is no " + target);
        }
        if (parts.length == 1) {
            return Optional.empty();
        }
        List<String> anchors = (target.equals(page.file()) ? page : Page.of(target)).anchors();
        return anchors.contains(parts[1]) ? Optional.empty() : Optional.of("no such heading; there are " + anchors);
    }
}
