// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import io.dblock.BlockDeviceProvider;
import io.dblock.ModuleUnavailableException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.platform.commons.support.ReflectionSupport;
import org.opentest4j.TestAbortedException;

/** Makes the devices of both extensions and puts them into the store of the context that they end with. */
final class Devices {
    /** Internal: the class name of another {@link BlockDeviceProvider}. For the tests of the extensions themselves. */
    static final String PROVIDER = DblockParameters.PREFIX + "internal.provider";

    private static final Namespace NAMESPACE = Namespace.create(Devices.class);
    private static final String CLOSING = "junit.jupiter.extensions.store.close.autocloseable.enabled";

    private Devices() {}

    /** A device to be made. */
    record Wanted(Declaration declaration, DeviceSettings declared) {}

    /** A device that has its name and its settings, and is to be finished. */
    private record Begun(Declaration declaration, DeviceSettings settings, Supplier<BlockDevice> rest) {}

    /** Makes one device, see the next. */
    static DeviceLease make(DeviceSettings declared, Declaration declaration, ExtensionContext context) {
        return make(List.of(new Wanted(declaration, declared)), context, Optional.empty())
                .get(0);
    }

    /**
     * Makes the devices of these declarations side by side. Those that are made are torn down at the end of
     * {@code context}, or by {@code early} if that is given, even if others cannot be made. The kernel's names and the
     * leases follow the order of the declarations.
     *
     * @throws ExtensionConfigurationException if the settings are not allowed, or a device cannot be made. It is that of the
     *     first such declaration; those of others are suppressed in it.
     * @throws ModuleUnavailableException if the module is not available
     * @throws TestAbortedException in place of that, if the settings ask for skipping
     */
    static List<DeviceLease> make(List<Wanted> wanted, ExtensionContext context, Optional<FieldDevices> early) {
        requireClosingStores(context);
        List<Begun> begun = new ArrayList<>();
        Failures notBegun = new Failures();
        for (Wanted one : wanted) {
            // What comes after one that cannot be made is not needed.
            if (notBegun.isEmpty()) {
                notBegun.of(one.declaration(), () -> begun.add(begin(one, context)));
            }
        }
        List<DeviceLease> leases = new ArrayList<>();
        List<SideBySide.Outcome<BlockDevice>> made =
                SideBySide.run(begun.stream().map(Begun::rest).toList());
        Failures failures = new Failures();
        for (int i = 0; i < begun.size(); i++) {
            Begun one = begun.get(i);
            SideBySide.Outcome<BlockDevice> device = made.get(i);
            failures.of(one.declaration(), () -> leases.add(lease(device.get(), one, context, early)));
        }
        failures.addAll(notBegun);
        failures.throwFirst();
        return leases;
    }

    /** What making devices has thrown, by the order of their declarations. */
    private static final class Failures {
        private final List<Throwable> thrown = new ArrayList<>();

        void of(Declaration declaration, Runnable step) {
            try {
                step.run();
            } catch (ModuleUnavailableException | TestAbortedException | Error e) {
                thrown.add(e);
            } catch (RuntimeException e) {
                thrown.add(new ExtensionConfigurationException(
                        "The device of " + declaration + " could not be made: " + e.getMessage(), e));
            }
        }

        void addAll(Failures later) {
            thrown.addAll(later.thrown);
        }

        boolean isEmpty() {
            return thrown.isEmpty();
        }

        void throwFirst() {
            if (thrown.isEmpty()) {
                return;
            }
            Throwable first = thrown.get(0);
            thrown.subList(1, thrown.size()).forEach(first::addSuppressed);
            if (first instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) first;
        }
    }

    private static Begun begin(Wanted wanted, ExtensionContext context) {
        DeviceSettings settings = wanted.declared().withDefaults(context::getConfigurationParameter);
        requireAvailable(settings.get(TestOption.UNAVAILABLE), wanted.declaration(), context);
        BlockDeviceProvider provider = provider(context);
        return new Begun(wanted.declaration(), settings, provider.begin(settings.applyTo(provider.builder())));
    }

    private static DeviceLease lease(
            BlockDevice device, Begun begun, ExtensionContext context, Optional<FieldDevices> early) {
        DeviceLease lease = new DeviceLease(device, begun.settings(), begun.declaration(), context);
        early.ifPresentOrElse(
                fields -> fields.keep(lease), () -> context.getStore(NAMESPACE).put(lease, lease));
        made(context).add(device);
        // While the constructor of a test runs, JUnit's listeners have not been told that the test has started. The
        // same may be so if a container of another test, which runs at the same time, has had the devices made.
        if (early.isEmpty()
                && (context.getTestMethod().isEmpty()
                        || context.getTestInstance().isPresent())) {
            lease.report();
        } else {
            unreported(context).add(lease);
        }
        return lease;
    }

    /** Reports the devices that were made before the test had started. */
    static void reportStarted(ExtensionContext context) {
        List<DeviceLease> leases = unreported(context);
        leases.forEach(DeviceLease::report);
        leases.clear();
    }

    private static List<DeviceLease> unreported(ExtensionContext context) {
        return ContextStores.computeIfAbsent(
                        context.getStore(NAMESPACE),
                        "unreported " + context.getUniqueId(),
                        key -> new Unreported(new CopyOnWriteArrayList<>()),
                        Unreported.class)
                .leases();
    }

    private record Unreported(List<DeviceLease> leases) {}

    /** Returns the devices of this context and the contexts around it, including those made later. */
    static Supplier<List<BlockDevice>> of(ExtensionContext context) {
        List<List<BlockDevice>> all = new ArrayList<>();
        for (ExtensionContext around = context;
                around != null;
                around = around.getParent().orElse(null)) {
            all.add(made(around));
        }
        return () -> all.stream().flatMap(List::stream).toList();
    }

    /**
     * Returns the devices of this context only. They are keyed by the context, because a store also finds its
     * ancestors' values.
     */
    private static List<BlockDevice> made(ExtensionContext context) {
        return ContextStores.computeIfAbsent(
                        context.getStore(NAMESPACE), context.getUniqueId(), key -> new Made(), Made.class)
                .devices();
    }

    private record Made(List<BlockDevice> devices) {
        Made() {
            this(new CopyOnWriteArrayList<>());
        }
    }

    private static void requireAvailable(WhenUnavailable mode, Declaration declaration, ExtensionContext context) {
        if (mode == WhenUnavailable.SKIP) {
            unavailability(context).ifPresent(e -> {
                throw new TestAbortedException("Skipped, as asked for: " + declaration + ": " + e.getMessage(), e);
            });
        }
    }

    /** Returns why no device can be made here; empty if one can. The answer is determined once per run. */
    static Optional<ModuleUnavailableException> unavailability(ExtensionContext context) {
        return ContextStores.computeIfAbsent(
                        context.getRoot().getStore(NAMESPACE),
                        Unavailability.class,
                        key -> new Unavailability(probe(context)),
                        Unavailability.class)
                .reason();
    }

    private static Optional<ModuleUnavailableException> probe(ExtensionContext context) {
        try {
            provider(context).requireAvailable();
            return Optional.empty();
        } catch (ModuleUnavailableException e) {
            return Optional.of(e);
        }
    }

    private static BlockDeviceProvider provider(ExtensionContext context) {
        Optional<String> name = context.getConfigurationParameter(PROVIDER);
        if (name.isEmpty()) {
            return BlockDeviceProvider.instance();
        }
        return ContextStores.computeIfAbsent(
                context.getRoot().getStore(NAMESPACE),
                BlockDeviceProvider.class,
                key -> load(name.get()),
                BlockDeviceProvider.class);
    }

    private static BlockDeviceProvider load(String name) {
        return ReflectionSupport.tryToLoadClass(name)
                .andThenTry(ReflectionSupport::newInstance)
                .andThenTry(BlockDeviceProvider.class::cast)
                .getOrThrow(e -> new ExtensionConfigurationException("No device provider " + name + ": " + e, e));
    }

    /** Checks that JUnit closes stores. Otherwise nothing would ever be torn down. */
    private static void requireClosingStores(ExtensionContext context) {
        if (context.getConfigurationParameter(CLOSING)
                .filter("false"::equalsIgnoreCase)
                .isPresent()) {
            throw new ExtensionConfigurationException("Configuration parameter " + CLOSING
                    + " is false, so that JUnit would not tear down the devices. Remove it or set it to true.");
        }
        try {
            Class.forName("org.junit.jupiter.api.extension.ExtensionContext$StoreScope");
        } catch (ClassNotFoundException e) {
            throw new ExtensionConfigurationException(
                    "junit-dblock needs JUnit 5.13 or newer, 6 included, found an older one: its stores would not tear"
                            + " down the devices. Use a newer junit-bom.",
                    e);
        }
    }

    private record Unavailability(Optional<ModuleUnavailableException> reason) {}
}
