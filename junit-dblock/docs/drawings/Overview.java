// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Draws how the test JVM, the server process, the kernel module and the guest fit together: {@code java Overview.java [FILE]},
 * by default overview.svg beside this file's place in the repository. The same input gives the same bytes.
 */
class Overview {
    private static final String DARK = "#24292f";
    private static final String GREY = "#57606a";

    private final StringBuilder svg = new StringBuilder();

    public static void main(String[] arguments) throws IOException {
        Path file = Path.of(arguments.length > 0 ? arguments[0] : "junit-dblock/docs/drawings/overview.svg");
        Files.writeString(file, new Overview().draw());
    }

    private String draw() {
        svg.append("""
                <svg xmlns="http://www.w3.org/2000/svg" width="980" height="560" viewBox="0 0 980 560" font-family="sans-serif" font-size="13">
                <title>How the test JVM, the server process, the kernel module and the guest fit together</title>
                <defs>
                <marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="#24292f"/></marker>
                </defs>
                """);
        // A ground of its own, so that it reads the same on a light and on a dark page.
        box(1, 1, 978, 558, "#ffffff", "#d0d7de", "");
        text(20, 28, "start", DARK, true, "host");

        box(20, 96, 150, 92, "#f6f8fa", GREY, "");
        lines(95, 122, "Maven, Gradle", "run the tests with", "the java that", "setup has made");
        arrow(170, 142, 203, 142, "");

        box(206, 44, 754, 496, "#fbfcfd", GREY, "7 5");
        text(222, 68, "start", DARK, true, "the host itself; where it cannot load the module: a guest");
        text(222, 86, "start", GREY, false, "QEMU with KVM, User Mode Linux, or emulation; sees the host's files");

        box(226, 104, 300, 148, "#ddf4ff", "#0969da", "");
        text(376, 128, "middle", DARK, true, "test JVM");
        lines(376, 152, "JUnit, the test, @DblockDevice,", "the code under test", "(or any process that the test starts)");
        box(256, 208, 240, 30, "#ffffff", "#0969da", "5 4");
        text(376, 228, "middle", GREY, false, "your own handler answers here");

        box(664, 104, 276, 148, "#dafbe1", "#1a7f37", "");
        text(802, 128, "middle", DARK, true, "server process (a JVM)");
        lines(802, 152, "journal: every request", "rules: fail, tear, lose, delay, hold", "store: memory or an image file,", "with write cache and snapshots");
        text(802, 238, "middle", GREY, false, "ends with the test JVM");

        arrow(526, 150, 661, 150, "");
        lines(594, 168, "faults, power cuts,", "journal, snapshots");

        box(226, 330, 714, 192, "#fff8c5", "#9a6700", "");
        text(242, 354, "start", DARK, true, "kernel");
        box(246, 388, 150, 72, "#ffffff", "#9a6700", "");
        lines(321, 414, "ext4, XFS, btrfs", "and the page cache");
        box(466, 388, 150, 72, "#ffffff", "#9a6700", "");
        lines(541, 414, "block layer", "/dev/dblock0");
        box(702, 388, 200, 72, "#ffffff", "#9a6700", "");
        lines(802, 414, "dblock.ko", "no policy, no data");

        arrow(321, 252, 321, 385, "");
        text(329, 286, "start", DARK, false, "write, fsync, mmap");
        arrow(500, 252, 541, 385, "");
        text(522, 306, "start", DARK, false, "mkfs, O_DIRECT");
        arrow(396, 424, 463, 424, "");
        text(430, 446, "middle", GREY, false, "requests");
        arrow(616, 424, 699, 424, "");
        text(658, 446, "middle", GREY, false, "requests");
        arrow(770, 388, 770, 255, "");
        text(762, 306, "end", DARK, false, "requests");
        arrow(836, 252, 836, 385, "");
        text(844, 306, "start", DARK, false, "answers");
        text(802, 490, "middle", GREY, false, "one ioctl, DBLOCK_SERVE, carries both");
        text(541, 490, "middle", GREY, false, "what is seen here is what the");
        text(541, 507, "middle", GREY, false, "kernel sends, merged and split");
        return svg.append("</svg>\n").toString();
    }

    private void box(int x, int y, int width, int height, String fill, String stroke, String dashes) {
        svg.append("<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\" fill=\"%s\" stroke=\"%s\"%s/>\n"
                .formatted(x, y, width, height, fill, stroke, dashes(dashes)));
    }

    private void arrow(int fromX, int fromY, int toX, int toY, String dashes) {
        svg.append("<path d=\"M%d %dL%d %d\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" marker-end=\"url(#head)\"%s/>\n"
                .formatted(fromX, fromY, toX, toY, DARK, dashes(dashes)));
    }

    private static String dashes(String dashes) {
        return dashes.isEmpty() ? "" : " stroke-dasharray=\"" + dashes + "\"";
    }

    private void lines(int x, int y, String... lines) {
        for (int i = 0; i < lines.length; i++) {
            text(x, y + i * 19, "middle", DARK, false, lines[i]);
        }
    }

    private void text(int x, int y, String anchor, String color, boolean bold, String text) {
        svg.append("<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" fill=\"%s\"%s>%s</text>\n"
                .formatted(x, y, anchor, color, bold ? " font-weight=\"bold\"" : "", text));
    }
}
