// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.handler.RequestFlag;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Draws entries as an SVG image: from left to right in the order in which they came. If files are known, from top to
 * bottom in a row for each of them; otherwise from bottom to top by their place on the device. Rectangles are requests;
 * vertical lines are flushes, marks and events. Entries at the same spot are drawn once. Behind each write a band goes to
 * where it became durable, or was lost.
 */
final class JournalSvg {
    private static final int WIDTH = 1400;
    private static final int HEIGHT = 820;
    private static final double LEFT = 100;
    /** There are names to the left of rows. */
    private static final double LEFT_OF_ROWS = 250;

    private static final int LABEL_LENGTH = 34;
    /** The column for the making of the filesystem. */
    private static final double FOLD = 26;
    /** The height that its whole text needs. */
    private static final double ROOM_FOR_MAKING = 260;

    private static final double RIGHT = WIDTH - 30.0;
    private static final double TOP = 150;
    private static final double BOTTOM = HEIGHT - 75.0;
    private static final double BELOW = 75;
    private static final double WIDEST = 28;
    private static final String LOST = "#e8590c";
    private static final String NOT_YET_DURABLE = "fill=\"#0072b2\" fill-opacity=\"0.12\"";
    private static final String OUTLINE =
            "fill=\"" + LOST + "\" fill-opacity=\"0.25\" stroke=\"" + LOST + "\" stroke-width=\"2\"";
    private static final double TICK = 110;
    private static final String FLUSH = "stroke=\"#555\" stroke-width=\"1\"";
    private static final double MIN_TICK = 13;
    private static final double MIN_SIZE = 1.6;
    private static final double SMALLEST_IN_ROW = 4;
    private static final int LANES = 4;
    private static final int MARK_LENGTH = 40;
    /** The distance between two labels of the same rule. */
    private static final double LABEL_DISTANCE = 160;

    /** The style of a request; later styles are drawn above earlier ones. */
    private enum Kind {
        READ("read", "#009e73"),
        WRITE("write", "#0072b2"),
        METADATA("write of metadata", "#56b4e9"),
        FUA("write with FUA", "#9b2fae"),
        DISCARD("discard", "#a6a6a6"),
        WRITE_ZEROES("write zeroes", "#e69f00"),
        ZONE("zone opened, closed, finished, reset", "#8b5a2b"),
        UNDER_WAY("never answered", "#000000"),
        RULE("a fault rule acted on it", "#ff7f50"),
        FAILED("failed", "#d00000");

        final String label;
        final String color;

        Kind(String label, String color) {
            this.label = label;
            this.color = color;
        }

        static Kind of(RequestEntry request) {
            if (!request.isCompleted()) {
                return UNDER_WAY;
            }
            if (!request.succeeded()) {
                return FAILED;
            }
            if (!request.rules().isEmpty()) {
                return RULE;
            }
            return switch (request.info().operation()) {
                case READ, ZONE_REPORT -> READ;
                case DISCARD -> DISCARD;
                case WRITE_ZEROES -> WRITE_ZEROES;
                case ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH, ZONE_RESET, ZONE_RESET_ALL -> ZONE;
                case WRITE, FLUSH, ZONE_APPEND ->
                    request.info().has(RequestFlag.FUA) ? FUA : request.info().has(RequestFlag.META) ? METADATA : WRITE;
            };
        }
    }

    /** What is drawn at one spot. */
    private static final class Spot {
        final double x;
        final double width;
        final double top;
        final double bottom;
        final List<RequestEntry> requests = new ArrayList<>();

        Spot(double x, double width, double top, double bottom) {
            this.x = x;
            this.width = width;
            this.top = top;
            this.bottom = bottom;
        }
    }

    /** Without those that are folded. */
    private final List<? extends JournalEntry> entries;
    /** The making of the filesystem. */
    private final List<? extends JournalEntry> folded;

    private final long size;
    private final String title;
    /** Null if rows are drawn. */
    private final AddressScale scale;
    /** Null if no file is known. */
    private final FileRows rows;

    private final AtRisk risk;
    private final double left;
    private final double first;
    private final double bottom;
    private final double step;
    private final StringBuilder svg = new StringBuilder();

    private JournalSvg(
            List<? extends JournalEntry> all, long size, String title, long made, boolean cached, Set<Long> taken) {
        this.size = size;
        this.title = title;
        int fold = 0;
        while (fold < all.size() && all.get(fold).sequence() <= made) {
            fold++;
        }
        folded = all.subList(0, fold);
        entries = all.subList(fold, all.size());
        boolean named = entries.stream()
                .anyMatch(entry -> entry instanceof RequestEntry request
                        && !request.places().isEmpty());
        risk = new AtRisk(cached ? entries : List.of(), taken);
        if (named) {
            left = LEFT_OF_ROWS;
            rows = new FileRows(entries, TOP);
            scale = null;
            bottom = rows.bottom();
        } else {
            left = LEFT;
            rows = null;
            bottom = BOTTOM;
            scale = new AddressScale(touched(), bottom, TOP);
        }
        first = folded.isEmpty() ? left : left + FOLD + 6;
        step = (RIGHT - first) / Math.max(1, entries.size());
    }

    private List<long[]> touched() {
        List<long[]> touched = new ArrayList<>();
        for (JournalEntry entry : entries) {
            // mkfs begins with a discard of the whole device, which would leave no gap.
            if (entry instanceof RequestEntry request
                    && !request.is(Operation.FLUSH)
                    && !request.is(Operation.ZONE_REPORT)
                    && !request.is(Operation.DISCARD)) {
                touched.add(new long[] {
                    request.info().offset(), Math.max(request.info().length(), 1)
                });
            }
        }
        return touched;
    }

    /**
     * Returns the image as text.
     *
     * @param size the size of the device in bytes, 0 if unknown
     * @param made the number of the last entry that belongs to the making of the filesystem
     * @param cached whether the device has a volatile cache, whose content a power cut takes
     * @param taken the numbers of the writes that it takes; null for all that it may take
     */
    static String of(
            List<? extends JournalEntry> entries, long size, String title, long made, boolean cached, Set<Long> taken) {
        return new JournalSvg(entries, size, title, made, cached, taken).draw();
    }

    private String draw() {
        add(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\"",
                WIDTH, (int) (bottom + BELOW), WIDTH, (int) (bottom + BELOW));
        add(" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n");
        heading();
        if (rows == null) {
            addressAxis();
        } else {
            rowAxis();
        }
        making();
        orderAxis();
        bands();
        flushes();
        requests();
        outlines();
        marksAndEvents();
        ruleNames();
        return svg.append("</svg>\n").toString();
    }

    private void heading() {
        text(LEFT, 24, "start", "font-size=\"16\" font-weight=\"bold\"", title);
        Map<Kind, Integer> counts = new EnumMap<>(Kind.class);
        Map<String, Integer> rules = new LinkedHashMap<>();
        int flushes = 0;
        for (JournalEntry entry : entries) {
            if (entry instanceof RequestEntry request) {
                Kind kind = Kind.of(request);
                if (request.is(Operation.FLUSH)) {
                    flushes++;
                }
                if (!request.is(Operation.FLUSH) || kind != Kind.WRITE) {
                    counts.merge(kind, 1, Integer::sum);
                }
                request.rules().forEach(rule -> rules.merge(rule, 1, Integer::sum));
            }
        }
        double x = LEFT;
        for (Map.Entry<Kind, Integer> count : counts.entrySet()) {
            String label = count.getKey().label + " (" + count.getValue() + ")";
            add("<rect x=\"%.1f\" y=\"36\" width=\"12\" height=\"10\" %s/>\n", x, fill(count.getKey()));
            text(x + 16, 45, "start", "", label);
            x += 34 + label.length() * 6.2;
        }
        if (flushes > 0) {
            add("<path d=\"M%.1f 36v10\" %s/>\n", x + 4, FLUSH);
            String label = "flush (" + flushes + ")";
            text(x + 10, 45, "start", "", label);
            x += 34 + label.length() * 6.2;
        }
        if (risk.any()) {
            add("<rect x=\"%.1f\" y=\"36\" width=\"12\" height=\"10\" %s/>\n", x, NOT_YET_DURABLE);
            String label = "until a flush covers it";
            text(x + 16, 45, "start", "", label);
            x += 34 + label.length() * 6.2;
        }
        if (risk.lost() > 0) {
            add("<rect x=\"%.1f\" y=\"36\" width=\"12\" height=\"10\" %s/>\n", x, OUTLINE);
            text(
                    x + 16,
                    45,
                    "start",
                    "font-weight=\"bold\" fill=\"" + LOST + "\"",
                    "not flushed: a power cut takes it (" + risk.lost() + ")");
        }
        List<String> acted = new ArrayList<>();
        rules.forEach((rule, count) -> acted.add(rule + " (" + count + ")"));
        if (!acted.isEmpty()) {
            text(
                    LEFT,
                    63,
                    "start",
                    "fill=\"#d00000\"",
                    "Fault rules, and requests they acted on: " + String.join(", ", acted));
        }
    }

    private void rowAxis() {
        FileRows.Row above = null;
        for (FileRows.Row row : rows.rows()) {
            add(
                    "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
                    left,
                    row.top(),
                    RIGHT - left,
                    row.bottom() - row.top(),
                    row.kind() == Place.Kind.FILE ? "#eef3f8" : "#f6f6f6");
            if (above != null && above.kind() != row.kind()) {
                add("<path d=\"M%.1f %.1fH%.1f\" stroke=\"#999\"/>\n", 20.0, row.top() - 2.5, RIGHT);
            }
            String label = row.label();
            String shown = label.length() > LABEL_LENGTH
                    ? "\u2026" + label.substring(label.length() - LABEL_LENGTH + 1)
                    : label;
            boolean isFile = row.kind() == Place.Kind.FILE;
            text(
                    left - 8,
                    isFile ? row.top() + 13 : (row.top() + row.bottom()) / 2 + 4,
                    "end",
                    isFile ? "font-size=\"12\" font-weight=\"bold\"" : "fill=\"#444\"",
                    shown);
            if (isFile && row.bottom() - row.top() > 30) {
                text(left - 8, row.bottom() - 2, "end", "font-size=\"9\" fill=\"#888\"", "0");
                text(left - 8, row.top() + 26, "end", "font-size=\"9\" fill=\"#888\"", EntryText.bytes(row.size()));
            }
            above = row;
        }
    }

    /** Draws the making of the filesystem, which is the same in every test, as one column. */
    private void making() {
        if (folded.isEmpty()) {
            return;
        }
        long requests = folded.stream().filter(RequestEntry.class::isInstance).count();
        add(
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#dcdcdc\"/>\n",
                left, TOP, FOLD, bottom - TOP);
        add(
                "<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\" fill=\"#555\">%s</text>\n",
                left + FOLD / 2 + 4,
                (TOP + bottom) / 2,
                escape((bottom - TOP > ROOM_FOR_MAKING ? "filesystem made and mounted: " : "made: ")
                        + requests
                        + " requests"));
    }

    /** Draws from each write to where it became durable, or was lost. */
    private void bands() {
        Map<String, String> drawn = new LinkedHashMap<>();
        for (int i = 0; i < entries.size(); i++) {
            if (!(entries.get(i) instanceof RequestEntry request)) {
                continue;
            }
            AtRisk.End end = risk.of(request);
            if (end == null) {
                continue;
            }
            double from = x(i) + step / 2;
            double to = end.index() == entries.size() ? RIGHT : x(end.index()) + step / 2;
            for (double[] spot : spots(request)) {
                String band = String.format(
                        Locale.ROOT,
                        "x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"",
                        from,
                        spot[1],
                        Math.max(0, to - from),
                        spot[0] - spot[1]);
                drawn.put(band, end.lost() ? "fill=\"" + LOST + "\" fill-opacity=\"0.28\"" : NOT_YET_DURABLE);
            }
        }
        drawn.forEach((band, style) -> add("<rect %s %s/>\n", band, style));
    }

    /** Draws around each write that a power cut has taken or would take now. */
    private void outlines() {
        Map<String, String> drawn = new LinkedHashMap<>();
        double width = width();
        for (int i = 0; i < entries.size(); i++) {
            if (entries.get(i) instanceof RequestEntry request) {
                AtRisk.End end = risk.of(request);
                if (end != null && end.lost()) {
                    for (double[] spot : spots(request)) {
                        String place = String.format(
                                Locale.ROOT,
                                "x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"",
                                x(i) + (step - Math.min(step, width)) / 2,
                                spot[1],
                                width,
                                spot[0] - spot[1]);
                        drawn.put(place, "");
                    }
                }
            }
        }
        if (!drawn.isEmpty()) {
            add("<g fill=\"none\" stroke=\"%s\" stroke-width=\"2\" pointer-events=\"none\">\n", LOST);
            drawn.keySet().forEach(place -> add("<rect %s/>\n", place));
            add("</g>\n");
        }
    }

    /** Returns the lower and upper edges of what a request is drawn as. */
    private List<double[]> spots(RequestEntry request) {
        if (request.is(Operation.FLUSH)) {
            return List.of();
        }
        if (rows != null) {
            return rows.spots(request, SMALLEST_IN_ROW);
        }
        double low = scale.y(request.info().offset());
        // A report's length is that of its data.
        long end = request.is(Operation.ZONE_REPORT)
                ? request.info().offset()
                : request.info().end();
        return List.of(new double[] {low, Math.min(scale.y(end), low - MIN_SIZE)});
    }

    private double width() {
        return Math.min(WIDEST, Math.max(step, MIN_SIZE));
    }

    private static String fill(Kind kind) {
        return kind == Kind.UNDER_WAY
                ? "fill=\"white\" stroke=\"#000\" stroke-width=\"1.5\""
                : "fill=\"" + kind.color + "\"";
    }

    private void addressAxis() {
        AddressScale.Segment below = null;
        for (AddressScale.Segment segment : scale.segments()) {
            double height = segment.bottom() - segment.top();
            add(
                    "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#f6f7f9\"/>\n",
                    LEFT, segment.top(), RIGHT - LEFT, height);
            if (below != null) {
                double middle = (below.top() + segment.bottom()) / 2;
                text(
                        RIGHT - 4,
                        middle + 3,
                        "end",
                        "font-size=\"9\" fill=\"#888\"",
                        mib(segment.first() - below.end()) + " MiB untouched");
            }
            tick(segment.first(), segment.bottom());
            long unit = unit(segment);
            for (long offset = (segment.first() / unit + 1) * unit; offset < segment.end(); offset += unit) {
                double y = scale.y(offset);
                if (segment.bottom() - y > MIN_TICK && y - segment.top() > MIN_TICK) {
                    tick(offset, y);
                }
            }
            tick(segment.end(), segment.top());
            below = segment;
        }
        String what = "place on the device" + (size > 0 ? ", which has " + mib(size) + " MiB" : "") + " [MiB]";
        add(
                "<text transform=\"translate(18 %.1f) rotate(-90)\" text-anchor=\"middle\" font-size=\"12\">%s</text>\n",
                (TOP + BOTTOM) / 2, escape(what));
    }

    /** Returns a power of two for which ticks are far enough apart. */
    private static long unit(AddressScale.Segment segment) {
        double bytesPerTick = (segment.end() - segment.first()) / (segment.bottom() - segment.top()) * 2 * MIN_TICK;
        return Long.highestOneBit(Math.max(512, (long) bytesPerTick)) * 2;
    }

    private void tick(long offset, double y) {
        add("<path d=\"M%.1f %.1fh-5\" stroke=\"#333\"/>\n", LEFT, y);
        text(LEFT - 8, y + 4, "end", "", mib(offset));
    }

    /** Uses as many digits as distinguish logical blocks, where there is room for them. */
    private static String mib(long bytes) {
        if (bytes % (1 << 20) == 0) {
            return Long.toString(bytes >> 20);
        }
        return String.format(Locale.ROOT, bytes < 1L << 30 ? "%.3f" : "%.1f", bytes / (double) (1 << 20));
    }

    private void orderAxis() {
        add("<path d=\"M%.1f %.1fH%.1f\" stroke=\"#333\"/>\n", left, bottom + 6, RIGHT);
        int every = (int) Math.max(1, Math.ceil(TICK / step));
        for (int i = 0; i < entries.size(); i += every) {
            double x = x(i) + step / 2;
            add("<path d=\"M%.1f %.1fv5\" stroke=\"#333\"/>\n", x, bottom + 6);
            text(x, bottom + 23, "middle", "", "#" + entries.get(i).sequence());
            text(
                    x,
                    bottom + 37,
                    "middle",
                    "fill=\"#666\"",
                    String.format(Locale.ROOT, "%.3f s", entries.get(i).nanos() / 1e9));
        }
        text(
                (left + RIGHT) / 2,
                bottom + 58,
                "middle",
                "font-size=\"12\"",
                "order of submission: number in the journal, and seconds since its beginning");
    }

    private double x(int index) {
        return first + index * step;
    }

    private void flushes() {
        double lastX = -1;
        for (int i = 0; i < entries.size(); i++) {
            if (!(entries.get(i) instanceof RequestEntry request) || !request.is(Operation.FLUSH)) {
                continue;
            }
            double x = x(i) + step / 2;
            Kind kind = Kind.of(request);
            boolean isPlain = kind == Kind.WRITE;
            if (isPlain && x - lastX < 0.5) {
                continue; // Cannot be distinguished from the one before.
            }
            lastX = x;
            String style = isPlain
                    ? "stroke=\"#555\" stroke-width=\"" + (step < 2 ? "0.5" : "1") + "\" stroke-opacity=\"0.6\""
                    : "stroke=\"" + kind.color + "\" stroke-width=\"2\"";
            add(
                    "<path d=\"M%.1f %.1fV%.1f\" %s><title>%s</title></path>\n",
                    x, TOP, bottom, style, escape(request.toString()));
        }
    }

    private void requests() {
        Map<Kind, Map<String, Spot>> spots = new EnumMap<>(Kind.class);
        double width = width();
        for (int i = 0; i < entries.size(); i++) {
            if (!(entries.get(i) instanceof RequestEntry request)) {
                continue;
            }
            for (double[] edges : spots(request)) {
                Spot spot = new Spot(x(i) + (step - Math.min(step, width)) / 2, width, edges[1], edges[0]);
                // Half a pixel is the smallest visible distance.
                String place =
                        Math.round(spot.x * 2) + " " + Math.round(spot.top * 2) + " " + Math.round(spot.bottom * 2);
                spots.computeIfAbsent(Kind.of(request), kind -> new LinkedHashMap<>())
                        .computeIfAbsent(place, key -> spot)
                        .requests
                        .add(request);
            }
        }
        spots.forEach((kind, drawn) -> {
            add("<g %s>\n", fill(kind));
            for (Spot spot : drawn.values()) {
                add(
                        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>%s</title></rect>\n",
                        spot.x,
                        spot.top,
                        kind == Kind.FAILED || kind == Kind.RULE ? Math.max(spot.width, 3) : spot.width,
                        spot.bottom - spot.top,
                        escape(describe(spot.requests)));
            }
            svg.append("</g>\n");
        });
    }

    private static String describe(List<RequestEntry> requests) {
        String first = requests.get(0).toString();
        return requests.size() == 1 ? first : first + " and " + (requests.size() - 1) + " more";
    }

    private void marksAndEvents() {
        double[] free = new double[LANES];
        for (int i = 0; i < entries.size(); i++) {
            String label;
            String color;
            boolean isCut = false;
            if (entries.get(i) instanceof MarkEntry mark) {
                label = mark.text();
                color = "#7a4a00";
            } else if (entries.get(i) instanceof EventEntry event) {
                label = event.kind().name().toLowerCase(Locale.ROOT).replace('_', ' ') + " " + event.text();
                isCut = event.kind() == EventKind.POWER_CUT;
                color = isCut ? "#000000" : "#555555";
            } else {
                continue;
            }
            double x = x(i) + step / 2;
            String shown = label.length() > MARK_LENGTH ? label.substring(0, MARK_LENGTH - 1) + "\u2026" : label;
            double width = shown.length() * 6.6 + 8;
            boolean leftwards = x + width > RIGHT;
            int lane = lane(free, leftwards ? x - width : x);
            double y = TOP - 8 - Math.max(lane, 0) * 17.0;
            add(
                    "<path d=\"M%.1f %.1fV%.1f\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-dasharray=\"%s\"><title>%s</title></path>\n",
                    x,
                    lane < 0 ? TOP : y - 9,
                    bottom + 6,
                    color,
                    isCut ? 3.0 : 1.0,
                    isCut ? "none" : "5 3",
                    escape(entries.get(i).toString()));
            if (lane < 0 && !isCut) {
                continue; // No room for its text, which is in its title.
            }
            free[Math.max(lane, 0)] = leftwards ? x + 4 : x + width;
            text(
                    leftwards ? x - 4 : x + 4,
                    y,
                    leftwards ? "end" : "start",
                    "font-weight=\"bold\" fill=\"" + color
                            + "\" paint-order=\"stroke\" stroke=\"white\" stroke-width=\"3\"",
                    shown);
        }
    }

    /** Returns the lowest lane with room from here on; -1 if there is none. */
    private static int lane(double[] free, double from) {
        for (int lane = 0; lane < free.length; lane++) {
            if (free[lane] <= from) {
                return lane;
            }
        }
        return -1;
    }

    private void ruleNames() {
        Map<String, Double> named = new LinkedHashMap<>();
        for (int i = 0; i < entries.size(); i++) {
            if (!(entries.get(i) instanceof RequestEntry request)) {
                continue;
            }
            double x = x(i) + step / 2;
            for (String rule : request.rules()) {
                Double last = named.get(rule);
                if (last != null && x - last < LABEL_DISTANCE) {
                    continue;
                }
                named.put(rule, x);
                double y = request.is(Operation.FLUSH) ? TOP + 14 : Math.max(TOP + 12, topOf(request) - 5);
                boolean leftwards = x + rule.length() * 6.4 > RIGHT;
                text(
                        leftwards ? x - 3 : x + 3,
                        y,
                        leftwards ? "end" : "start",
                        "font-weight=\"bold\" fill=\"#d00000\" paint-order=\"stroke\" stroke=\"white\" stroke-width=\"3\"",
                        rule);
            }
        }
    }

    private double topOf(RequestEntry request) {
        return spots(request).stream().mapToDouble(edges -> edges[1]).min().orElse(TOP);
    }

    private void text(double x, double y, String anchor, String style, String text) {
        add("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" %s>%s</text>\n", x, y, anchor, style, escape(text));
    }

    private void add(String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format, values));
    }

    /** Also removes characters that XML does not allow. */
    private static String escape(String text) {
        StringBuilder escaped = new StringBuilder();
        text.codePoints().forEach(point -> {
            switch (point) {
                case '<' -> escaped.append("&lt;");
                case '>' -> escaped.append("&gt;");
                case '&' -> escaped.append("&amp;");
                case '"' -> escaped.append("&quot;");
                default -> escaped.appendCodePoint(isAllowed(point) ? point : 0xfffd);
            }
        });
        return escaped.toString();
    }

    private static boolean isAllowed(int point) {
        return point >= 0x20 && !(point >= 0xd800 && point < 0xe000) && point != 0xfffe && point != 0xffff;
    }
}
