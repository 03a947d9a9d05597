// SPDX-License-Identifier: Apache-2.0
package io.dblock.oracle;

import io.dblock.fault.Action;
import io.dblock.fault.Delay;
import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.HeldRequest;
import io.dblock.fault.Match;
import io.dblock.fault.Tear;
import io.dblock.internal.journal.Answer;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.handler.Errno;
import io.dblock.oracle.FaultModel.Candidate;
import io.dblock.oracle.FaultModel.Outcome;
import io.dblock.oracle.FaultModel.Rule;
import io.dblock.power.Survivors;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;

/**
 * Makes random requests to a disk with random fault rules, and compares results, data, hits and the disk's image with a
 * model. All from one seed. Any difference is an {@link AssertionError} that names the seed, the operation and the rules.
 */
public final class FaultOracle implements AutoCloseable {
    private static final long BOUND_SECONDS = 60;
    private static final int MAX_RULES = 5;
    private static final List<Operation> OPERATIONS = List.of(
            Operation.READ,
            Operation.READ,
            Operation.WRITE,
            Operation.WRITE,
            Operation.WRITE,
            Operation.FLUSH,
            Operation.DISCARD,
            Operation.WRITE_ZEROES);
    private static final int WHOLE_IMAGE_EVERY = 50;

    private final FaultOracleDisk disk;
    private final FaultModel model;
    private final long seed;
    private final Random random;
    private final int block;
    private final int blocks;
    private final int maxBlocks;
    private final ExecutorService caller = Executors.newSingleThreadExecutor();
    private final Map<String, Long> hits = new TreeMap<>();
    private final Map<Fault, Long> counted = new HashMap<>();
    private final List<Class<?>> actions = new ArrayList<>();
    private long operations;

    /**
     * Over a disk of zeros.
     *
     * @param maxRequest the longest request, in bytes: one call of the disk is to make one request
     */
    public FaultOracle(FaultOracleDisk disk, int maxRequest, long seed) {
        this.disk = disk;
        this.seed = seed;
        this.random = new Random(seed);
        this.block = disk.logicalBlockSize();
        this.blocks = disk.size() / block;
        this.maxBlocks = Math.min(maxRequest / block, blocks);
        this.model = new FaultModel(disk.size(), block);
        disk.faults().seed(seed);
    }

    /** How many requests were made so far. */
    public long operations() {
        return operations;
    }

    /** How many requests rules have acted on, by the names of their actions. */
    public Map<String, Long> hits() {
        return hits;
    }

    /** The names of all actions. */
    public static List<String> allActions() {
        return Arrays.stream(Action.class.getPermittedSubclasses())
                .map(Class::getSimpleName)
                .sorted()
                .toList();
    }

    /** Makes so many requests, and changes the rules between them. */
    public void run(int requests) throws Exception {
        for (int i = 0; i < requests; i++) {
            changeRules();
            request();
            if (operations % WHOLE_IMAGE_EVERY == 0) {
                compareImage();
            }
        }
        while (!model.rules.isEmpty()) {
            close(model.rules.get(0));
        }
        compareImage();
    }

    /** Ends its thread. */
    @Override
    public void close() {
        caller.shutdownNow();
    }

    // ---- rules ----

    private void changeRules() {
        if (model.rules.size() < MAX_RULES && random.nextInt(4) == 0) {
            arm();
        }
        if (!model.rules.isEmpty() && random.nextInt(12) == 0) {
            Rule rule = model.rules.get(random.nextInt(model.rules.size()));
            if (random.nextInt(3) == 0) {
                replace(rule);
            } else {
                close(rule);
            }
        }
    }

    private void arm() {
        FaultRule rule = rule();
        if (rule == null) {
            return;
        }
        int odd = random.nextInt(8) == 0 ? 1 + random.nextInt(3) : 0;
        Predicate<RequestInfo> predicate = info -> odd == 0 || info.offset() / block % (odd + 1) != 0;
        Fault fault = disk.faults().add(rule, predicate);
        model.rules.add(rule.first() ? 0 : model.rules.size(), new Rule(fault, predicate, model));
    }

    private void replace(Rule rule) {
        FaultRule next = random.nextBoolean() ? rule.rule : rule();
        if (next != null && !(isRandomTear(rule.rule.action()) || isRandomTear(next.action()))) {
            count(rule);
            FaultRule named = next.withName(rule.fault.name());
            rule.fault.replace(named);
            rule.replace(named, model);
        }
    }

    private void close(Rule rule) {
        count(rule);
        rule.fault.close();
        model.rules.remove(rule);
    }

    private void count(Rule rule) {
        long before = counted.getOrDefault(rule.fault, 0L);
        counted.put(rule.fault, rule.hits);
        hits.merge(rule.rule.action().getClass().getSimpleName(), rule.hits - before, Long::sum);
    }

    private static boolean isRandomTear(Action action) {
        return action instanceof Action.TearWrite tear && tear.tear().kind() == Tear.Kind.RANDOM;
    }

    /** Null for none this time. */
    private FaultRule rule() {
        Action action = action();
        boolean randomTear =
                action instanceof Action.TearWrite tear && tear.tear().kind() == Tear.Kind.RANDOM;
        boolean learns = action instanceof Action.Full || action instanceof Action.MediumError;
        for (Rule other : model.rules) {
            Action armed = other.rule.action();
            // Which blocks a random tear has lost is not always to be seen, and these rules would have to know.
            if ((randomTear && (armed instanceof Action.Full || armed instanceof Action.MediumError))
                    || (learns && isRandomTear(other.rule.action()))) {
                return null;
            }
        }
        Match match = match(action);
        boolean certain = action instanceof Action.PowerCut || action instanceof Action.Full;
        if (!certain && random.nextInt(4) == 0) {
            match = match.withProbability(0.5);
        }
        return new FaultRule("", match, action, true, !randomTear && random.nextInt(5) < 2, random.nextInt(5) == 0);
    }

    private Match match(Action action) {
        Match match = Match.any();
        if (random.nextBoolean()) {
            List<Operation> all = new ArrayList<>(action.operations());
            EnumSet<Operation> some = EnumSet.of(all.get(random.nextInt(all.size())));
            all.stream().filter(operation -> random.nextBoolean()).forEach(some::add);
            match = match.withOperations(some);
        }
        boolean ranged = match.isAny() || !match.operations().contains(Operation.FLUSH);
        if (ranged && random.nextInt(10) < 7) {
            match = match.withRange(range(action));
        }
        if (random.nextInt(8) == 0) {
            long min = (long) random.nextInt(4) * block;
            match = match.withLength(min, min + (long) random.nextInt(maxBlocks) * block);
        }
        if (disk.takesFua()
                && random.nextInt(10) == 0
                && match.operations().contains(Operation.WRITE)
                && action.operations().contains(Operation.WRITE)) {
            match = match.withFlags(Set.of(RequestFlag.FUA));
        }
        if (random.nextInt(3) == 0) {
            match = match.withAfter(1 + random.nextInt(2));
        }
        if (random.nextInt(3) == 0) {
            match = match.withTimes(1 + random.nextInt(4));
        }
        return match;
    }

    private Match.Range range(Action action) {
        int first = 0;
        int end = blocks;
        if (action instanceof Action.Misdirect misdirect) {
            int delta = (int) (misdirect.delta() / block);
            first = Math.max(0, -delta);
            end = blocks - Math.max(0, delta);
        }
        int from = first + random.nextInt(end - first);
        int to = Math.min(end, from + 1 + random.nextInt(blocks / 2));
        return new Match.Range((long) from * block, (long) (to - from) * block);
    }

    /** Each kind in turn, so that each has its share. */
    private Action action() {
        if (actions.isEmpty()) {
            actions.addAll(Arrays.asList(Action.class.getPermittedSubclasses()));
            java.util.Collections.shuffle(actions, random);
        }
        return action(actions.remove(actions.size() - 1));
    }

    private Action action(Class<?> kind) {
        return switch (kind.getSimpleName()) {
            case "Fail" -> new Action.Fail(errno());
            case "FailAfter" -> new Action.FailAfter((long) (1 + random.nextInt(4)) * (block / 512), errno());
            case "MediumError" -> new Action.MediumError();
            case "Lose" -> new Action.Lose();
            case "TearWrite" ->
                new Action.TearWrite(
                        switch (random.nextInt(4)) {
                            case 0 -> Tear.prefix(1 + random.nextInt(4));
                            case 1 -> Tear.suffix(1 + random.nextInt(4));
                            case 2 -> Tear.EVERY_OTHER;
                            default -> Tear.RANDOM;
                        });
            case "Misdirect" ->
                new Action.Misdirect((random.nextBoolean() ? 1L : -1L) * (1 + random.nextInt(blocks / 2)) * block);
            case "Stale" -> new Action.Stale();
            case "FlipBits" -> new Action.FlipBits(1 + random.nextInt(random.nextBoolean() ? 4 : 4096));
            case "Garbage" -> new Action.Garbage();
            case "IgnoreFlushes" -> new Action.IgnoreFlushes();
            case "Wait" -> new Action.Wait(Delay.uniform(Duration.ZERO, Duration.ofNanos(300_000)));
            case "LimitIops" -> new Action.LimitIops(20_000);
            case "LimitBandwidth" -> new Action.LimitBandwidth(200L << 20);
            case "Full" -> new Action.Full(random.nextInt(blocks / 4));
            case "ReadOnly" -> new Action.ReadOnly();
            case "Hold" -> new Action.Hold();
            case "PowerCut" -> new Action.PowerCut(Survivors.ALL, random.nextBoolean());
            default -> throw new AssertionError("The oracle does not know the action " + kind);
        };
    }

    private Errno errno() {
        List<Errno> all = new ArrayList<>(Action.ERRORS);
        // The kernel takes this one for a word to itself, and tries another way.
        all.remove(Errno.EOPNOTSUPP);
        return all.get(random.nextInt(all.size()));
    }

    // ---- requests ----

    private void request() throws Exception {
        operations++;
        Operation operation = OPERATIONS.get(random.nextInt(OPERATIONS.size()));
        long offset = 0;
        long length = 0;
        Set<RequestFlag> flags = EnumSet.noneOf(RequestFlag.class);
        if (operation != Operation.FLUSH) {
            int count = 1 + random.nextInt(maxBlocks);
            offset = (long) random.nextInt(blocks - count + 1) * block;
            length = (long) count * block;
        }
        if (operation == Operation.WRITE && disk.takesFua() && random.nextInt(3) == 0) {
            flags.add(RequestFlag.FUA);
        }
        if (operation == Operation.WRITE_ZEROES && disk.takesNoUnmap() && random.nextBoolean()) {
            flags.add(RequestFlag.NOUNMAP);
        }
        RequestInfo info = new RequestInfo(operation, offset, length, flags, 0);
        byte[] data = new byte[(int) length];
        if (operation == Operation.WRITE) {
            random.nextBytes(data);
        }
        Errno[] failed = new Errno[1];
        Errno result = call(info, () -> make(info, data), failed);
        compare(info, data, failed[0], result);
    }

    private Errno make(RequestInfo info, byte[] data) throws Exception {
        return switch (info.operation()) {
            case READ -> disk.read(info.offset(), data);
            case WRITE -> disk.write(info.offset(), data, info.has(RequestFlag.FUA));
            case FLUSH -> disk.flush();
            case DISCARD -> disk.discard(info.offset(), info.length());
            case WRITE_ZEROES -> disk.writeZeroes(info.offset(), info.length(), !info.has(RequestFlag.NOUNMAP));
            default -> throw new AssertionError("this oracle has no zones: " + info);
        };
    }

    /** Makes the request in another thread, and lets it go, or fails it, if it is held. */
    private Errno call(RequestInfo info, Callable<Errno> request, Errno[] failed) throws Exception {
        Future<Errno> result = caller.submit(request);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(BOUND_SECONDS);
        while (true) {
            try {
                return result.get(50, TimeUnit.MICROSECONDS);
            } catch (TimeoutException e) {
                if (System.nanoTime() - deadline > 0) {
                    throw different(info, "no answer within " + BOUND_SECONDS + " s");
                }
            }
            for (Rule rule : model.rules) {
                for (HeldRequest held : rule.fault.held()) {
                    if (random.nextInt(4) == 0 && failed[0] == null) {
                        failed[0] = errno();
                        held.fail(failed[0]);
                    } else if (random.nextBoolean()) {
                        held.release();
                    } else {
                        rule.fault.release();
                    }
                    break;
                }
            }
        }
    }

    // ---- comparing ----

    private void compare(RequestInfo info, byte[] data, Errno failed, Errno result) throws Exception {
        Outcome outcome = model.apply(info, data, failed);
        Set<Errno> errors = EnumSet.noneOf(Errno.class);
        outcome.errors.stream().filter(java.util.Objects::nonNull).forEach(errors::add);
        if (result == null ? !errors.isEmpty() : !errors.contains(result)) {
            throw different(info, "the result is " + result + ", it should be one of " + errors);
        }
        if (disk.lastAnswer().isPresent()) {
            compareParts(info, disk.lastAnswer().get(), outcome);
        }
        if (info.operation() == Operation.READ) {
            compareRead(info, data, result, outcome);
        }
        if (outcome.cut != null) {
            outcome.cut.fault.awaitHits(outcome.cut.hits, Duration.ofSeconds(BOUND_SECONDS));
            disk.restorePower();
        }
        for (Rule rule : model.rules) {
            if (rule.fault.hits() != rule.hits) {
                throw different(info, rule.fault + " should have " + rule.hits + " hits");
            }
        }
        compareWritten(info, outcome);
        if (!outcome.chance) {
            compareCount(info, "flushes", disk.flushesDone(), model.flushes);
            compareCount(info, "bytes with FUA", disk.fuaBytesDone(), model.fuaBytes);
        } else if (disk.fuaBytesDone().isPresent()) {
            model.fuaBytes = disk.fuaBytesDone().getAsLong();
        }
    }

    private void compareCount(RequestInfo info, String what, java.util.OptionalLong actual, long expected) {
        if (actual.isPresent() && actual.getAsLong() != expected) {
            throw different(info, actual.getAsLong() + " " + what + " have reached the disk, not " + expected);
        }
    }

    private void compareParts(RequestInfo info, Answer answer, Outcome outcome) {
        List<Errno> actual = new ArrayList<>();
        for (Answer.Part part : answer.parts()) {
            for (long at = 0; at < Math.max(1, part.length() / block); at++) {
                actual.add(part.errno());
            }
        }
        if (!actual.equals(outcome.errors)) {
            throw different(info, "by block, its result is\n  " + actual + "\nand should be\n  " + outcome.errors);
        }
    }

    private void compareRead(RequestInfo info, byte[] data, Errno result, Outcome outcome) {
        boolean byPart = disk.lastAnswer().isPresent();
        for (int i = 0; i < outcome.data.size(); i++) {
            Candidate candidate = outcome.data.get(i);
            if (candidate == null || (result != null && !byPart)) {
                continue;
            }
            byte[] actual = Arrays.copyOfRange(data, i * block, (i + 1) * block);
            if (!FaultModel.canBe(actual, candidate)) {
                throw different(info, "its block " + i + " was read as something else");
            }
        }
    }

    /** The model takes over what of the image is up to chance. */
    private void compareWritten(RequestInfo info, Outcome outcome) throws Exception {
        int mayBeLost = 0;
        int lost = 0;
        int kept = 0;
        for (int at = 0; at < blocks; at++) {
            List<Candidate> may = outcome.written[at];
            if (may == null) {
                continue;
            }
            byte[] actual = new byte[block];
            disk.peek((long) at * block, actual);
            if (may.stream().noneMatch(candidate -> FaultModel.canBe(actual, candidate))) {
                throw different(info, "block " + at + " of the disk has something else");
            }
            if (may.size() > 1) {
                mayBeLost++;
                lost += FaultModel.canBe(actual, may.get(may.size() - 1)) ? 0 : 1;
                kept += FaultModel.canBe(actual, may.get(0)) ? 0 : 1;
            }
            System.arraycopy(actual, 0, model.image, at * block, block);
        }
        // Unless some were written twice, or others belong to other rules.
        boolean visible = info.operation() == Operation.WRITE && mayBeLost == outcome.errors.size();
        if (visible && mayBeLost == lost) {
            throw different(info, "all blocks of a random tear are lost");
        }
        if (visible && mayBeLost == kept) {
            throw different(info, "no block of a random tear is lost");
        }
    }

    private void compareImage() throws Exception {
        byte[] actual = new byte[model.image.length];
        disk.peek(0, actual);
        int at = Arrays.mismatch(actual, model.image);
        if (at >= 0) {
            throw different(
                    null, "the disk's image differs in block " + at / block + ", which nothing should have changed");
        }
    }

    private AssertionError different(RequestInfo info, String what) {
        StringBuilder text = new StringBuilder(
                "seed " + seed + ", operation " + operations + ", " + info + ": " + what + "\nrules:");
        model.rules.forEach(rule -> text.append("\n  ").append(rule.fault));
        return new AssertionError(text.toString());
    }
}
