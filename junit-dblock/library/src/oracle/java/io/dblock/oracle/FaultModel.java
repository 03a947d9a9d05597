// SPDX-License-Identifier: Apache-2.0
package io.dblock.oracle;

import io.dblock.fault.Action;
import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Match;
import io.dblock.fault.Tear;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.handler.Errno;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/**
 * What a disk with fault rules has to do, block by block. It shares nothing with the rules' implementation, which thinks in
 * ranges. What is random it does not foretell: it asks what has happened, and says whether that was allowed.
 */
final class FaultModel {
    final byte[] image;
    final int block;
    final int blocks;
    final List<Rule> rules = new ArrayList<>();
    long flushes;
    long fuaBytes;

    FaultModel(int size, int block) {
        this.image = new byte[size];
        this.block = block;
        this.blocks = size / block;
    }

    /** An armed rule with what it has seen. */
    static final class Rule {
        final Fault fault;
        final Predicate<RequestInfo> predicate;
        FaultRule rule;
        long matches;
        long taken;
        long hits;
        byte[] stale;
        boolean[] rewritten;
        boolean[] allocated;
        long used;

        Rule(Fault fault, Predicate<RequestInfo> predicate, FaultModel model) {
            this.fault = fault;
            this.predicate = predicate;
            begin(fault.rule(), model, true);
        }

        void replace(FaultRule next, FaultModel model) {
            begin(next, model, next.action().getClass() != rule.action().getClass());
        }

        private void begin(FaultRule next, FaultModel model, boolean other) {
            rule = next;
            matches = 0;
            taken = 0;
            stale = model.image.clone();
            if (other) {
                rewritten = new boolean[model.blocks];
                allocated = new boolean[model.blocks];
                used = 0;
            }
        }
    }

    /** What is to happen to one block of a request; of a flush, to all of it. */
    private static final class Fate {
        boolean open = true;
        Errno errno;
        boolean lost;
        /** Lost or not, by chance. */
        boolean maybe;

        int shift;
        byte[] stale;
        boolean fua;
        final List<Action> corruptions = new ArrayList<>();
        final List<Rule> fulls = new ArrayList<>();

        boolean effective() {
            return errno == null && !lost;
        }
    }

    /** What a block may have, made of {@code data} by these corruptions. */
    static final class Candidate {
        private final byte[] data;
        private final List<Action> corruptions;

        Candidate(byte[] data, List<Action> corruptions) {
            this.data = data;
            this.corruptions = corruptions;
        }
    }

    /** What has to come of a request. */
    static final class Outcome {
        /** For each block; of a flush, one. */
        final List<Errno> errors = new ArrayList<>();
        /** Of a read, what each block may be read as; null where it failed. */
        final List<Candidate> data = new ArrayList<>();
        /** What each block of the disk that was written may have now; of the others null. */
        List<Candidate>[] written;
        /** The rule that cuts the power, if one does. */
        Rule cut;
        /** Whether what is done with FUA is known. */
        boolean chance;
    }

    /**
     * A request was made.
     *
     * @param data of a write
     * @param failed what a test failed it with while it was held; null if it did not
     */
    Outcome apply(RequestInfo info, byte[] data, Errno failed) {
        int first = (int) (info.offset() / block);
        int count = info.operation() == Operation.FLUSH ? 1 : (int) (info.length() / block);
        Fate[] fates = new Fate[count];
        for (int i = 0; i < count; i++) {
            fates[i] = new Fate();
            fates[i].fua = info.has(RequestFlag.FUA);
        }
        Outcome outcome = new Outcome();
        boolean before = false;
        for (Rule rule : rules) {
            boolean acted = consider(rule, info, first, fates, outcome.cut != null);
            if (acted && rule.rule.action() instanceof Action.PowerCut cut) {
                outcome.cut = rule;
                before = !cut.after();
            }
        }
        if (failed != null || before) {
            Errno errno = failed != null ? failed : Errno.EIO;
            if (failed != null) {
                outcome.cut = null;
            } else {
                outcome.cut.hits++;
            }
            for (int i = 0; i < count; i++) {
                outcome.errors.add(errno);
                outcome.data.add(null);
            }
            outcome.written = none();
            return outcome;
        }
        if (outcome.cut != null) {
            outcome.cut.hits++;
        }
        fillUp(first, fates);
        carryOut(info, data, first, fates, outcome);
        return outcome;
    }

    private boolean consider(Rule rule, RequestInfo info, int first, Fate[] fates, boolean cut) {
        Action action = rule.rule.action();
        Match match = rule.rule.match();
        if (!match.operations().contains(info.operation())
                || !action.operations().contains(info.operation())
                || !info.flags().containsAll(match.flags())
                || info.length() < match.minLength()
                || info.length() > match.maxLength()
                || (match.range().isPresent() && info.operation() == Operation.FLUSH)
                || (action instanceof Action.PowerCut && cut)
                || !rule.predicate.test(info)) {
            return false;
        }
        boolean frees = info.operation() == Operation.WRITE_ZEROES && !info.has(RequestFlag.NOUNMAP);
        if (action instanceof Action.Full && frees) {
            return false;
        }
        List<Integer> chosen = new ArrayList<>();
        for (int i = 0; i < fates.length; i++) {
            long at = (long) (first + i) * block;
            boolean inRange = match.range().isEmpty()
                    || (at >= match.range().get().offset()
                            && at < match.range().get().end());
            if (fates[i].open && inRange && canAct(action, rule, info, first + i, fates[i])) {
                chosen.add(i);
            }
        }
        if (chosen.isEmpty()
                || (action instanceof Action.FailAfter fail && chosen.size() <= fail.sectors() * 512 / block)
                || (action instanceof Action.TearWrite tear
                        && chosen.size() <= Math.max(1, tear.tear().blocks()))) {
            return false;
        }
        rule.matches++;
        if (rule.matches <= match.after() || rule.taken >= times(rule.rule)) {
            return false;
        }
        if (action instanceof Action.Full) {
            chosen.forEach(i -> fates[i].fulls.add(rule));
            return false;
        }
        // What is drawn is not foretold; the hit tells.
        if (match.probability() < 1 && rule.fault.hits() == rule.hits) {
            return false;
        }
        rule.taken++;
        if (!(action instanceof Action.PowerCut)) {
            rule.hits++;
        }
        act(action, rule, info, chosen, fates);
        if (!rule.rule.fallThrough()) {
            chosen.forEach(i -> fates[i].open = false);
        }
        return true;
    }

    /** A rule that cuts the power does so once, unless it says otherwise; any other acts as often as it can. */
    private static long times(FaultRule rule) {
        long unsaid = rule.action() instanceof Action.PowerCut ? 1 : Long.MAX_VALUE;
        return rule.match().times().orElse(unsaid);
    }

    private boolean canAct(Action action, Rule rule, RequestInfo info, int at, Fate fate) {
        if (action instanceof Action.Wait
                || action instanceof Action.Hold
                || action instanceof Action.LimitIops
                || action instanceof Action.LimitBandwidth
                || action instanceof Action.PowerCut) {
            return true;
        }
        if (fate.errno != null) {
            return false;
        }
        if (action instanceof Action.Fail || action instanceof Action.FailAfter || action instanceof Action.ReadOnly) {
            return true;
        }
        if (action instanceof Action.MediumError) {
            return !rule.rewritten[at];
        }
        if (fate.lost) {
            return false;
        }
        if (action instanceof Action.Misdirect misdirect) {
            long to = at + misdirect.delta() / block;
            return fate.shift == 0 && to >= 0 && to < blocks;
        }
        if (action instanceof Action.Stale) {
            return fate.stale == null;
        }
        if (action instanceof Action.IgnoreFlushes) {
            return info.operation() == Operation.FLUSH || fate.fua;
        }
        return true;
    }

    private void act(Action action, Rule rule, RequestInfo info, List<Integer> chosen, Fate[] fates) {
        int n = 0;
        for (int i : chosen) {
            Fate fate = fates[i];
            if (action instanceof Action.Fail fail) {
                fate.errno = fail.errno();
            } else if (action instanceof Action.FailAfter fail) {
                fate.errno = n < fail.sectors() * 512 / block ? null : fail.errno();
            } else if (action instanceof Action.ReadOnly) {
                fate.errno = Errno.EREMOTEIO;
            } else if (action instanceof Action.MediumError) {
                fate.errno = Errno.ENODATA;
            } else if (action instanceof Action.Lose) {
                fate.lost = true;
            } else if (action instanceof Action.TearWrite write) {
                Tear tear = write.tear();
                switch (tear.kind()) {
                    case PREFIX -> fate.lost = n >= tear.blocks();
                    case SUFFIX -> fate.lost = n < chosen.size() - tear.blocks();
                    case EVERY_OTHER -> fate.lost = n % 2 == 1;
                    case RANDOM -> fate.maybe = true;
                }
            } else if (action instanceof Action.Misdirect misdirect) {
                fate.shift = (int) (misdirect.delta() / block);
            } else if (action instanceof Action.Stale) {
                fate.stale = rule.stale;
            } else if (action instanceof Action.FlipBits || action instanceof Action.Garbage) {
                fate.corruptions.add(action);
            } else if (action instanceof Action.IgnoreFlushes) {
                fate.fua = false;
                fate.lost = info.operation() == Operation.FLUSH;
            }
            n++;
        }
    }

    private void fillUp(int first, Fate[] fates) {
        List<Rule> fulls = new ArrayList<>();
        for (Fate fate : fates) {
            fate.fulls.stream().filter(full -> !fulls.contains(full)).forEach(fulls::add);
        }
        for (Rule full : fulls) {
            long limit = ((Action.Full) full.rule.action()).newBlocks();
            boolean refused = false;
            for (int i = 0; i < fates.length; i++) {
                int at = first + i + fates[i].shift;
                if (!fates[i].effective() || !fates[i].fulls.contains(full) || full.allocated[at] || !blank(at)) {
                    continue;
                }
                if (full.used < limit || full.taken >= times(full.rule)) {
                    full.used++;
                    full.allocated[at] = true;
                } else {
                    fates[i].errno = Errno.ENOSPC;
                    refused = true;
                }
            }
            if (refused) {
                full.taken++;
                full.hits++;
            }
        }
    }

    private boolean blank(int at) {
        return Arrays.equals(image, at * block, (at + 1) * block, new byte[block], 0, block);
    }

    private void carryOut(RequestInfo info, byte[] data, int first, Fate[] fates, Outcome outcome) {
        outcome.written = none();
        for (int i = 0; i < fates.length; i++) {
            Fate fate = fates[i];
            outcome.errors.add(fate.errno);
            Candidate read = null;
            if (fate.effective()) {
                int at = first + i + fate.shift;
                switch (info.operation()) {
                    case READ ->
                        read = new Candidate(copy(fate.stale == null ? image : fate.stale, at), fate.corruptions);
                    case FLUSH -> flushes++;
                    case WRITE, DISCARD, WRITE_ZEROES -> {
                        byte[] content = info.operation() == Operation.WRITE ? copy(data, i) : new byte[block];
                        write(info, at, fate, content, outcome);
                    }
                    default -> throw new AssertionError("this model has no zones: " + info);
                }
            }
            outcome.data.add(read);
        }
    }

    private void write(RequestInfo info, int at, Fate fate, byte[] content, Outcome outcome) {
        List<Candidate> may = new ArrayList<>();
        if (fate.maybe) {
            outcome.chance = true;
            may.addAll(
                    outcome.written[at] == null
                            ? List.of(new Candidate(copy(image, at), List.of()))
                            : outcome.written[at]);
        }
        may.add(new Candidate(content, fate.corruptions));
        outcome.written[at] = may;
        if (fate.fua) {
            fuaBytes += block;
        }
        boolean frees = info.operation() == Operation.DISCARD
                || (info.operation() == Operation.WRITE_ZEROES && !info.has(RequestFlag.NOUNMAP));
        for (Rule rule : rules) {
            rule.rewritten[at] |= info.operation() != Operation.DISCARD;
            if (frees && rule.allocated[at]) {
                rule.allocated[at] = false;
                rule.used--;
            }
        }
    }

    /** Whether {@code actual} can be what the candidate describes. */
    static boolean canBe(byte[] actual, Candidate candidate) {
        boolean garbage = candidate.corruptions.stream().anyMatch(Action.Garbage.class::isInstance);
        if (garbage) {
            // 4096 random bits; that they are the right ones does not happen.
            return !Arrays.equals(actual, candidate.data);
        }
        List<Integer> flips = candidate.corruptions.stream()
                .map(action -> ((Action.FlipBits) action).perSector())
                .toList();
        int sum = flips.stream().mapToInt(Integer::intValue).sum();
        int max = flips.size() <= 1 ? sum : Math.min(sum, 4096);
        int min = flips.size() <= 1 ? sum : 0;
        for (int at = 0; at < actual.length; at += 512) {
            int bits = 0;
            for (int i = at; i < at + 512; i++) {
                bits += Integer.bitCount((actual[i] ^ candidate.data[i]) & 0xff);
            }
            if (bits < min || bits > max || bits % 2 != sum % 2) {
                return false;
            }
        }
        return true;
    }

    private byte[] copy(byte[] from, int at) {
        return Arrays.copyOfRange(from, at * block, (at + 1) * block);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private List<Candidate>[] none() {
        return new List[blocks];
    }
}
