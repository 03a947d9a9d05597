// SPDX-License-Identifier: Apache-2.0
package io.dblock.assertj;

import io.dblock.handler.Place;
import io.dblock.journal.FailedRange;
import io.dblock.journal.RequestEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** The parts of a range of a device that requests do not cover. */
final class Ranges {
    private static final long SECTOR = 512;
    private static final int SHOWN = 8;

    private List<Range> ranges = new ArrayList<>();

    private record Range(long offset, long end) {
        @Override
        public String toString() {
            return describe(offset, end - offset);
        }
    }

    /** Starts with this range, in bytes. */
    Ranges(long offset, long length) {
        ranges.add(new Range(offset, offset + length));
    }

    /** Removes the parts of the range that this request has done successfully. */
    void remove(RequestEntry request) {
        if (!request.isCompleted()) {
            return;
        }
        long at = request.info().offset();
        for (FailedRange failed : request.failures()) {
            remove(at, failed.offset());
            at = failed.offset() + failed.length();
        }
        remove(at, request.info().end());
    }

    /** Removes the parts of a file that this request has done successfully in one of its places. */
    void remove(RequestEntry request, Place place) {
        if (!request.isCompleted()) {
            return;
        }
        long toFile = place.inside() - place.offset();
        long at = place.offset();
        for (FailedRange failed : request.failures()) {
            if (failed.offset() < place.end() && failed.offset() + failed.length() > at) {
                remove(at + toFile, Math.max(at, failed.offset()) + toFile);
                at = failed.offset() + failed.length();
            }
        }
        if (at < place.end()) {
            remove(at + toFile, place.end() + toFile);
        }
    }

    private void remove(long offset, long end) {
        List<Range> left = new ArrayList<>();
        for (Range range : ranges) {
            if (end <= range.offset() || offset >= range.end()) {
                left.add(range);
                continue;
            }
            if (range.offset() < offset) {
                left.add(new Range(range.offset(), offset));
            }
            if (end < range.end()) {
                left.add(new Range(end, range.end()));
            }
        }
        ranges = left;
    }

    boolean isEmpty() {
        return ranges.isEmpty();
    }

    @Override
    public String toString() {
        String shown = ranges.stream().limit(SHOWN).map(Range::toString).collect(Collectors.joining(", "));
        return ranges.size() > SHOWN ? shown + " and " + (ranges.size() - SHOWN) + " more" : shown;
    }

    /** Returns a range in bytes and sectors. */
    static String describe(long offset, long length) {
        long first = offset / SECTOR;
        long last = Math.max(offset, offset + length - 1) / SECTOR;
        String sectors = first == last ? "sector " + first : "sectors " + first + "-" + last;
        return length + " bytes at " + offset + " (" + sectors + ")";
    }
}
