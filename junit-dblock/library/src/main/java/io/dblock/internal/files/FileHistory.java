// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import io.dblock.handler.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What was seen of a device's files, and when, in numbers of the journal. A request is explained by two looks at most:
 * the last one before it and the next one after it. The one before says whose blocks they were. Blocks that it does not
 * know were free then, and the request wrote to a file that got them before the request, so that the next look knows
 * them. If that does not, the file has gone meanwhile, and nobody knows. Safe for use by several threads.
 */
final class FileHistory {
    /** A request that covers more of them, such as a discard of the whole device, has the first ones. */
    private static final int MOST_PLACES = 64;

    private static final int MOST_LOOKS = 4096;
    /** How many looks are tried until one of them is complete. */
    private static final int MOST_INCOMPLETE = 8;

    /** A look that began when the journal had {@code begun} entries and ended when it had {@code ended}. */
    private record Look(long begun, long ended, FileMap map) {}

    /** The time from one making of the filesystem to the next. */
    private static final class Era {
        final long start;
        /** The last entry of the making of the filesystem. */
        long made;
        /** What every map has, such as the place of the filesystem's journal. */
        Optional<FileMap> parts = Optional.empty();

        final List<Look> looks = new ArrayList<>();
        /** The entries after which earlier looks may be wrong: a power cut has changed what is on the disk. */
        final List<Long> cuts = new ArrayList<>();

        Era(long start) {
            this.start = start;
            made = start;
        }
    }

    // Guarded by this.
    private final List<Era> eras = new ArrayList<>(List.of(new Era(0)));

    private Era last() {
        return eras.get(eras.size() - 1);
    }

    /** A filesystem was made, by the requests after {@code begun} up to {@code ended}. */
    synchronized void formatted(long begun, long ended) {
        Era era = new Era(begun);
        era.made = ended;
        eras.add(era);
    }

    /** What a power cut has left of the disk is used from this entry on. */
    synchronized void cut(long sequence) {
        last().cuts.add(sequence);
    }

    /** Sets what no look has, because it does not change while the filesystem exists. */
    synchronized void parts(FileMap parts) {
        last().parts = Optional.of(parts);
    }

    /** Whether {@link #parts(FileMap)} has been called for the current filesystem. */
    synchronized boolean hasParts() {
        return last().parts.isPresent();
    }

    /** Adds a look, see {@link Look}. Looks are added in their order. */
    synchronized void add(long begun, long ended, FileMap map) {
        List<Look> looks = last().looks;
        int size = looks.size();
        FileMap before = size > 0 ? looks.get(size - 1).map() : FileMap.UNKNOWN;
        FileMap kept = before.equals(map) ? before : map;
        if (size > 1 && kept.equals(before) && kept.equals(looks.get(size - 2).map())) {
            looks.remove(size - 1); // The looks around it say the same.
        }
        looks.add(new Look(begun, ended, kept));
        if (looks.size() > MOST_LOOKS) {
            looks.remove(0);
        }
    }

    /** Returns whether anything is known at all. */
    synchronized boolean isEmpty() {
        return eras.stream().allMatch(era -> era.looks.isEmpty() && era.parts.isEmpty());
    }

    /** Returns what a range belonged to when it was looked at last. */
    synchronized List<Place> latest(long offset, long length) {
        List<Look> looks = last().looks;
        List<FileMap> maps = looks.isEmpty()
                ? List.of()
                : List.of(looks.get(looks.size() - 1).map());
        return FileMap.places(maps, offset, length, MOST_PLACES);
    }

    /** Returns what a range belonged to when the entry with this number came, as far as it is known, by offset. */
    synchronized List<Place> places(long sequence, long offset, long length) {
        for (int i = eras.size() - 1; i >= 0; i--) {
            Era era = eras.get(i);
            if (sequence > era.start) {
                return FileMap.places(maps(era, sequence), offset, length, MOST_PLACES);
            }
        }
        return List.of();
    }

    private static List<FileMap> maps(Era era, long sequence) {
        List<FileMap> maps = new ArrayList<>();
        int next = firstEndingAt(era.looks, sequence);
        if (sequence <= era.made) {
            if (next < era.looks.size()) {
                maps.add(era.looks.get(next).map().filesystemOnly());
            }
            era.parts.ifPresent(maps::add);
            return maps;
        }
        for (int i = next - 1; i >= Math.max(0, next - MOST_INCOMPLETE); i--) {
            Look look = era.looks.get(i);
            if (cutBetween(era, look.ended(), sequence)) {
                break;
            }
            maps.add(look.map());
            if (look.map().complete()) {
                break;
            }
        }
        for (int i = next; i < Math.min(era.looks.size(), next + MOST_INCOMPLETE); i++) {
            Look look = era.looks.get(i);
            maps.add(look.map());
            if (look.map().complete() && look.begun() >= sequence) {
                break;
            }
        }
        era.parts.ifPresent(maps::add); // Last: XFS can give a block of an index away.
        return maps;
    }

    /** Returns the first look that did not end before this entry. */
    private static int firstEndingAt(List<Look> looks, long sequence) {
        int low = 0;
        int high = looks.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (looks.get(middle).ended() >= sequence) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    private static boolean cutBetween(Era era, long look, long sequence) {
        return era.cuts.stream().anyMatch(cut -> look <= cut && cut < sequence);
    }
}
