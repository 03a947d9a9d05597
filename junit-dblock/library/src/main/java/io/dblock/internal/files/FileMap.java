// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import io.dblock.handler.Place;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What the blocks of a device belonged to at one moment. Immutable.
 *
 * @param places without overlap, by their offset
 * @param complete whether nothing was left out: a block without a place then belonged to nothing
 */
public record FileMap(List<Place> places, boolean complete) {
    /** Nothing is known. */
    public static final FileMap UNKNOWN = new FileMap(List.of(), false);

    /** Sorts the places. Of places that overlap, such as those of two files that share blocks, the first one stays. */
    public FileMap {
        places = withoutOverlap(places);
    }

    private static List<Place> withoutOverlap(List<Place> places) {
        List<Place> sorted = new ArrayList<>(places);
        sorted.sort(Comparator.comparingLong(Place::offset));
        List<Place> apart = new ArrayList<>();
        long end = 0;
        for (Place place : sorted) {
            if (place.end() <= end) {
                continue;
            }
            Place rest = part(place, end, Long.MAX_VALUE);
            Place last = apart.isEmpty() ? null : apart.get(apart.size() - 1);
            if (last != null && follows(last, rest)) {
                apart.set(apart.size() - 1, joined(last, rest));
            } else {
                apart.add(rest);
            }
            end = rest.end();
        }
        return List.copyOf(apart);
    }

    private static boolean follows(Place first, Place second) {
        return first.end() == second.offset()
                && first.kind() == second.kind()
                && first.name().equals(second.name())
                && first.inside() + first.length() == second.inside();
    }

    private static Place joined(Place first, Place second) {
        return new Place(first.offset(), first.length() + second.length(), first.kind(), first.name(), first.inside());
    }

    /** Returns the part of a place from {@code offset} to before {@code end}; the two overlap. */
    private static Place part(Place place, long offset, long end) {
        long from = Math.max(place.offset(), offset);
        long to = Math.min(place.end(), end);
        return new Place(from, to - from, place.kind(), place.name(), place.inside() + from - place.offset());
    }

    /**
     * Returns what a range belongs to, by offset. A part that the first map does not know is looked up in the next one,
     * and so on; what none of them knows is left out.
     *
     * @param most how many places are returned at most
     */
    static List<Place> places(List<FileMap> maps, long offset, long length, int most) {
        List<Place> found = new ArrayList<>();
        add(maps, 0, offset, offset + length, most, found);
        return found;
    }

    private static void add(List<FileMap> maps, int first, long offset, long end, int most, List<Place> found) {
        if (first == maps.size()) {
            return;
        }
        List<Place> places = maps.get(first).places;
        long at = offset;
        for (int i = firstEndingAfter(places, offset); i < places.size(); i++) {
            Place place = places.get(i);
            if (place.offset() >= end || found.size() >= most) {
                break;
            }
            if (place.offset() > at) {
                add(maps, first + 1, at, place.offset(), most, found);
            }
            if (found.size() < most) {
                found.add(part(place, offset, end));
            }
            at = place.end();
        }
        if (at < end && found.size() < most) {
            add(maps, first + 1, at, end, most, found);
        }
    }

    private static int firstEndingAfter(List<Place> places, long offset) {
        int low = 0;
        int high = places.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (places.get(middle).end() > offset) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /** Returns this map without files and directories: what a filesystem that was just made has. */
    FileMap filesystemOnly() {
        return new FileMap(
                places.stream()
                        .filter(place -> place.kind() == Place.Kind.FILESYSTEM)
                        .toList(),
                complete);
    }
}
