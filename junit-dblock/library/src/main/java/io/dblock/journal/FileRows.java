// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.handler.Place.Kind;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A vertical axis with a row for each file, for each directory, and for each part of the filesystem. */
final class FileRows {
    /** More of one kind share a row. */
    private static final int MOST_OF_A_KIND = 14;

    private static final double ROOM = 560;
    private static final double GAP = 5;
    private static final double LOW = 18;
    private static final double HIGH = 64;

    private final List<Row> rows = new ArrayList<>();
    private final Map<String, Row> byKey = new LinkedHashMap<>();
    private Row unknown;
    private final double bottom;

    /**
     * A row.
     *
     * @param kind null for what belongs to nothing that is known
     * @param size bytes of the file or part that requests have touched, from its beginning on
     */
    record Row(Kind kind, String label, double top, double bottom, long size) {
        /** Returns the height of this byte of a file. */
        double y(long inside) {
            return bottom - Math.min(1, inside / (double) Math.max(size, 1)) * (bottom - top);
        }
    }

    /** A row in the making. */
    private static final class Draft {
        final Kind kind;
        final String label;
        final List<String> keys = new ArrayList<>();
        int requests;
        long size;

        Draft(Kind kind, String label) {
            this.kind = kind;
            this.label = label;
        }
    }

    /** Makes rows for these entries, from {@code top} down. */
    FileRows(List<? extends JournalEntry> entries, double top) {
        Map<String, Draft> drafts = new LinkedHashMap<>();
        boolean anyUnknown = false;
        for (JournalEntry entry : entries) {
            if (!(entry instanceof RequestEntry request) || !hasRange(request)) {
                continue;
            }
            long known = 0;
            for (Place place : request.places()) {
                known += place.length();
                Draft draft = drafts.computeIfAbsent(key(place), key -> new Draft(place.kind(), label(place)));
                draft.requests++;
                draft.size = Math.max(draft.size, place.inside() + place.length());
            }
            anyUnknown |= known < request.info().length() && !request.is(Operation.DISCARD);
        }
        drafts.forEach((key, draft) -> draft.keys.add(key));
        List<Draft> shown = new ArrayList<>();
        for (Kind kind : Kind.values()) {
            shown.addAll(atMost(
                    drafts.values().stream().filter(draft -> draft.kind == kind).toList(), kind));
        }
        bottom = place(shown, anyUnknown, top);
    }

    /** Joins those with the fewest requests, if there are too many. */
    private static List<Draft> atMost(List<Draft> drafts, Kind kind) {
        List<Draft> shown = new ArrayList<>(drafts);
        if (drafts.size() > MOST_OF_A_KIND) {
            shown.sort(Comparator.comparingInt(draft -> -draft.requests));
            List<Draft> joined = shown.subList(MOST_OF_A_KIND - 1, shown.size());
            Draft others = new Draft(kind, "(" + joined.size() + " others)");
            for (Draft one : joined) {
                others.keys.addAll(one.keys);
                others.size = Math.max(others.size, one.size);
            }
            joined.clear();
            shown.sort(Comparator.comparing(draft -> draft.label));
            shown.add(others);
        } else {
            shown.sort(Comparator.comparing(draft -> draft.label));
        }
        return shown;
    }

    private double place(List<Draft> shown, boolean anyUnknown, double top) {
        long files = shown.stream().filter(draft -> draft.kind == Kind.FILE).count();
        double low = (shown.size() - files + (anyUnknown ? 1 : 0)) * (LOW + GAP);
        double high = files == 0 ? 0 : Math.max(LOW, Math.min(HIGH, (ROOM - low) / files - GAP));
        double y = top;
        for (Draft draft : shown) {
            double height = draft.kind == Kind.FILE ? high : LOW;
            Row row = new Row(draft.kind, draft.label, y, y + height, draft.size);
            rows.add(row);
            draft.keys.forEach(key -> byKey.put(key, row));
            y += height + GAP;
        }
        if (anyUnknown || rows.isEmpty()) {
            unknown = new Row(null, "of a removed file, or not known", y, y + LOW, 1);
            rows.add(unknown);
            y += LOW + GAP;
        }
        return y - GAP;
    }

    private static String key(Place place) {
        return place.kind() + " " + place.name();
    }

    private static String label(Place place) {
        return place.kind() == Kind.FILE ? place.name() : place.toString();
    }

    static boolean hasRange(RequestEntry request) {
        return switch (request.info().operation()) {
            case READ, WRITE, WRITE_ZEROES, DISCARD -> true;
            default -> false;
        };
    }

    List<Row> rows() {
        return rows;
    }

    /** Returns the lower edge of the last row. */
    double bottom() {
        return bottom;
    }

    /** Returns where a request is drawn, each a lower and an upper edge. */
    List<double[]> spots(RequestEntry request, double smallest) {
        List<double[]> spots = new ArrayList<>();
        long known = 0;
        for (Place place : request.places()) {
            known += place.length();
            Row row = byKey.get(key(place));
            if (row != null) {
                double low = row.y(place.inside());
                double high = row.y(place.inside() + place.length());
                double middle =
                        Math.min(Math.max((low + high) / 2, row.top() + smallest / 2), row.bottom() - smallest / 2);
                spots.add(new double[] {Math.max(low, middle + smallest / 2), Math.min(high, middle - smallest / 2)});
            }
        }
        if (unknown != null
                && hasRange(request)
                && known < request.info().length()
                && (spots.isEmpty() || !request.is(Operation.DISCARD))) {
            spots.add(new double[] {unknown.bottom(), unknown.top()});
        }
        return spots;
    }
}
