// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.internal.kernel.Batch;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class JournalSvgTest {
    private final Recording recording = new Recording(1 << 16, 256 << 20, 512);

    @Test
    void eachRequestIsDrawnAtItsPlaceAndTellsWhatItIs() throws Exception {
        recording.write(0, 1024, 1);
        recording.read(1024, 1024);
        Document picture = picture();

        List<Element> drawn = titled(picture, "rect");
        assertThat(drawn).hasSize(2);
        Element write = drawn.get(titles(drawn).get(0).contains("WRITE") ? 0 : 1);
        Element read = drawn.get(drawn.get(0) == write ? 1 : 0);
        assertThat(titles(List.of(write, read)))
                .containsExactly(
                        recording.journal.entries().get(0).toString(),
                        recording.journal.entries().get(1).toString());
        assertThat(number(write, "y")).isEqualTo(number(read, "y") + number(read, "height"));
        assertThat(number(write, "x")).isLessThan(number(read, "x"));
        assertThat(fill(write)).isNotEqualTo(fill(read));
    }

    @Test
    void flushesMarksAndCutsGoFromTopToBottom() throws Exception {
        recording.write(0, 8, 1);
        recording.flush();
        recording.journal.mark("commit");
        recording.ring.note(EventKind.POWER_CUT, "kept none");
        recording.fail(recording.beginFlush(), Errno.EIO, "flush fails");
        Document picture = picture();

        List<Element> lines = titled(picture, "path");
        assertThat(titles(lines))
                .containsExactlyInAnyOrderElementsOf(recording.journal.entries().stream()
                        .skip(1)
                        .map(Object::toString)
                        .toList());
        assertThat(texts(picture)).contains("commit", "power cut kept none", "flush fails");
        Element failed = lines.stream()
                .filter(line -> line.getTextContent().contains("EIO"))
                .findFirst()
                .orElseThrow();
        assertThat(failed.getAttribute("stroke")).isEqualTo("#d00000");
    }

    @Test
    void whatFailedIsRedAndNamesItsRule() throws Exception {
        recording.write(0, 8, 1);
        recording.fail(recording.beginWrite(8, 8, 1, 0), Errno.ENOSPC, "disk <full>");
        recording.ring.end(recording.beginWrite(16, 8, 1, 0), System.nanoTime(), 0, List.of("lose"));
        recording.beginWrite(24, 8, 1, 0);
        Document picture = picture();

        List<Element> drawn = titled(picture, "rect");
        List<String> colors = new ArrayList<>();
        for (RequestEntry request : recording.journal.requests()) {
            colors.add(fill(drawn.stream()
                    .filter(rect -> rect.getTextContent().equals(request.toString()))
                    .findFirst()
                    .orElseThrow()));
        }
        assertThat(colors).containsExactly("#0072b2", "#d00000", "#ff7f50", "white");
        assertThat(texts(picture))
                .contains(
                        "disk <full>",
                        "lose",
                        "Fault rules, and requests they acted on: disk <full> (1), lose (1)",
                        "write (1)",
                        "failed (1)",
                        "a fault rule acted on it (1)",
                        "never answered (1)");
    }

    private static Place place(Place.Kind kind, String name, long sector, long inside) {
        return new Place(sector * 512, 512, kind, name, inside);
    }

    /** The entries of the recording, in which the n-th request has the n-th place. */
    private Document picture(long made, boolean cached, Place... places) throws Exception {
        List<JournalEntry> entries = new ArrayList<>();
        int request = 0;
        for (JournalEntry entry : recording.journal.entries()) {
            boolean hasPlace = entry instanceof RequestEntry one && !one.is(Operation.FLUSH) && request < places.length;
            entries.add(hasPlace ? ((RequestEntry) entry).withPlaces(List.of(places[request++])) : entry);
        }
        return parse(JournalSvg.of(entries, 1 << 20, "a title", made, cached, null));
    }

    @Test
    void eachFileAndEachPartOfTheFilesystemHasARow() throws Exception {
        recording.write(8, 1, 1);
        recording.write(9, 1, 1);
        recording.write(100, 1, 1);
        recording.write(300, 1, 1);
        Document picture = picture(
                0,
                true,
                place(Place.Kind.FILE, "ledger", 8, 0),
                place(Place.Kind.FILE, "ledger", 9, 512),
                place(Place.Kind.FILESYSTEM, "ext4's journal", 100, 0));
        assertThat(texts(picture)).contains("ledger", "ext4's journal", "of a removed file, or not known");
        List<Element> drawn = titled(picture, "rect");
        assertThat(drawn).hasSize(4);
        List<Double> y = drawn.stream().map(rect -> number(rect, "y")).toList();
        assertThat(y.get(1)).as("further on in the file").isLessThan(y.get(0));
        assertThat(y.get(2)).as("below the files").isGreaterThan(y.get(0));
        assertThat(y.get(3)).as("below all").isGreaterThan(y.get(2));
    }

    @Test
    void filesWithoutARowOfTheirOwnShareOne() throws Exception {
        Place[] places = new Place[40];
        for (int i = 0; i < places.length; i++) {
            recording.write(i, 1, 1);
            places[i] = place(Place.Kind.FILE, "file" + i, i, 0);
        }
        assertThat(texts(picture(0, true, places)))
                .contains("(27 others)", "file0")
                .doesNotContain("file39");
    }

    @Test
    void theMakingOfTheFilesystemIsOneColumn() throws Exception {
        for (int i = 0; i < 200; i++) {
            recording.write(i, 1, 1);
        }
        recording.write(500, 1, 1);
        Document picture = picture(200, true);
        assertThat(titled(picture, "rect")).hasSize(1);
        assertThat(texts(picture)).contains("filesystem made and mounted: 200 requests", "#201");
    }

    @Test
    void whatAPowerCutTakesStandsOut() throws Exception {
        recording.write(8, 1, 1);
        recording.flush();
        recording.write(9, 1, 1);
        recording.ring.note(EventKind.POWER_CUT, "kept none");
        recording.write(10, 1, 1);
        recording.writeFua(11, 1, 1);
        Document picture = picture(0, true);
        assertThat(texts(picture)).contains("not flushed: a power cut takes it (2)");
        assertThat(outlined(picture)).hasSize(2);
        assertThat(texts(picture(0, false)))
                .as("a disk without a cache")
                .noneMatch(text -> text.startsWith("not flushed"));
        assertThat(outlined(picture(0, false))).isEmpty();
        assertThat(texts(picture)).contains("until a flush covers it");
        assertThat(texts(picture(0, false))).doesNotContain("until a flush covers it");
    }

    @Test
    void thePictureOfACutHasWhatCameBeforeItAndWhatItTakes() throws Exception {
        recording.write(8, 1, 1);
        recording.write(9, 1, 1);
        recording.journal.mark("acknowledged");
        recording.flush();
        recording.write(10, 1, 1);
        Document picture = parse(recording.journal.pictureOfCut("a title", 3, Set.of(2L)));
        assertThat(texts(picture))
                .contains("acknowledged", "power cut of this state", "not flushed: a power cut takes it (1)")
                .noneMatch(text -> text.startsWith("flush"));
        assertThat(titled(picture, "rect")).hasSize(2);
        assertThat(outlined(picture)).hasSize(1);
    }

    private static List<Element> outlined(Document picture) {
        return elements(picture, "rect").stream()
                .filter(rect ->
                        ((Element) rect.getParentNode()).getAttribute("stroke").equals("#e8590c"))
                .toList();
    }

    @Test
    void theAxesHaveMebibytesNumbersAndSeconds() throws Exception {
        for (int i = 0; i < 64; i++) {
            recording.write(i * 2048L, 2048, 1);
        }
        List<String> texts = texts(picture());
        assertThat(texts)
                .contains("place on the device, which has 256 MiB [MiB]", "0", "64", "32", "#1")
                .contains("order of submission: number in the journal, and seconds since its beginning")
                .anyMatch(text -> text.matches("\\d+\\.\\d{3} s"));
    }

    @Test
    void whatNobodyTouchedIsLeftOutAndNamed() throws Exception {
        recording.write(0, 8, 1);
        recording.write(200 * 2048, 8, 1);
        assertThat(texts(picture())).contains("199.996 MiB untouched");
    }

    @Test
    void aDiscardOfTheWholeDeviceDoesNotMakeAllOfItTouched() throws Exception {
        recording.discard(0, 256 * 2048);
        recording.write(0, 8, 1);
        recording.write(200 * 2048, 8, 1);
        assertThat(texts(picture())).contains("199.996 MiB untouched");
        Element discard = titled(picture(), "rect").stream()
                .filter(rect -> rect.getTextContent().contains("DISCARD"))
                .findFirst()
                .orElseThrow();
        assertThat(number(discard, "y")).isEqualTo(150);
        assertThat(number(discard, "height")).isEqualTo(595);
    }

    @Test
    void manyEntriesMakeNoHugePictureAndStayWithinIt() throws Exception {
        Random random = new Random(1);
        int[] operations = {Batch.OP_READ, Batch.OP_WRITE, Batch.OP_DISCARD, Batch.OP_WRITE_ZEROES};
        for (int i = 0; i < 20_000; i++) {
            if (i % 20 == 0) {
                recording.flush();
            } else {
                recording.end(recording.begin(operations[random.nextInt(4)], random.nextInt(1 << 10) * 8L, 8, 0));
            }
        }
        String svg = recording.journal.picture("many");
        assertThat(svg.length()).isLessThan(20 << 20);
        List<Element> rects = titled(parse(svg), "rect");
        assertThat(rects).isNotEmpty();
        for (Element rect : rects) {
            assertThat(number(rect, "x")).isBetween(100.0, 1370.0);
            assertThat(number(rect, "y")).isBetween(149.0, 745.0);
        }
    }

    @Test
    void textThatXmlCannotHoldIsReplaced() throws Exception {
        recording.journal.mark("a\u0000b & \"c\" \ud83d\ude00 \ud800");
        assertThat(texts(picture())).contains("a\ufffdb & \"c\" \ud83d\ude00 \ufffd");
    }

    @Test
    void anEmptyJournalHasAPictureToo() throws Exception {
        assertThat(texts(picture())).contains("a title");
    }

    @Test
    void saysThatItIsNotWhole(@TempDir Path directory) throws Exception {
        Recording small = new Recording(1024, 1 << 20, 512);
        for (int i = 0; i < 1030; i++) {
            small.flush();
        }
        Path file = directory.resolve("picture.svg");
        small.journal.writePicture(file, "disk");
        assertThat(texts(parse(Files.readString(file)))).contains("disk (6 earlier entries were dropped)");
    }

    private Document picture() throws Exception {
        return parse(recording.journal.picture("a title"));
    }

    private static Document parse(String svg) throws Exception {
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(svg)));
    }

    private static List<Element> titled(Document picture, String tag) {
        return elements(picture, tag).stream()
                .filter(element -> element.getElementsByTagName("title").getLength() > 0)
                .toList();
    }

    private static List<String> titles(List<Element> elements) {
        return elements.stream().map(Element::getTextContent).toList();
    }

    private static List<String> texts(Document picture) {
        return titles(elements(picture, "text"));
    }

    private static List<Element> elements(Document picture, String tag) {
        NodeList nodes = picture.getElementsByTagName(tag);
        List<Element> elements = new ArrayList<>();
        for (int i = 0; i < nodes.getLength(); i++) {
            elements.add((Element) nodes.item(i));
        }
        return elements;
    }

    private static double number(Element element, String attribute) {
        return Double.parseDouble(element.getAttribute(attribute));
    }

    private static String fill(Element rect) {
        return ((Element) rect.getParentNode()).getAttribute("fill");
    }
}
