// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.List;
import java.util.stream.Stream;

/**
 * An engine in one version, with a class path of its own, which the build put into {@code target/engines/NAME-VERSION}.
 *
 * <p>A test says what it does with the engine in a class that implements an interface. {@link #create} makes an instance of
 * it that sees this version of the engine, and else what the test sees.
 */
final class Engine implements AutoCloseable {
    private final Loader loader;

    private Engine(Loader loader) {
        this.loader = loader;
    }

    /** Finds an engine among those that the build put aside. */
    static Engine of(String name, String version) throws IOException {
        Path directory = Path.of(System.getProperty("dblock.it.engines")).resolve(name + "-" + version);
        try (Stream<Path> files = Files.list(directory)) {
            List<Path> jars =
                    files.filter(file -> file.toString().endsWith(".jar")).toList();
            if (jars.isEmpty()) {
                throw new IOException("No jar in " + directory + ". it/pom.xml says what is copied there.");
            }
            URL[] urls = new URL[jars.size()];
            for (int i = 0; i < urls.length; i++) {
                urls[i] = jars.get(i).toUri().toURL();
            }
            return new Engine(new Loader(urls));
        }
    }

    /**
     * Makes an instance of a class that uses the engine.
     *
     * @param type what the test knows it by; it must be public, and must not name the engine's own types
     * @param implementation has a constructor without parameters; its nested classes see the engine, too
     */
    <T> T create(Class<T> type, Class<? extends T> implementation) throws ReflectiveOperationException {
        loader.implementation = implementation.getName();
        var constructor = loader.loadClass(implementation.getName()).getDeclaredConstructor();
        constructor.setAccessible(true);
        return type.cast(constructor.newInstance());
    }

    /** Of the engine; for those that look for services by the thread's context class loader. */
    ClassLoader classLoader() {
        return loader;
    }

    @Override
    public void close() throws IOException {
        loader.close();
    }

    /** Looks among the engine's classes first. */
    private static final class Loader extends URLClassLoader {
        private volatile String implementation = "";

        static {
            registerAsParallelCapable();
        }

        Loader(URL[] jars) {
            super(jars, Engine.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                if (loaded == null) {
                    loaded = find(name);
                }
                return loaded == null ? super.loadClass(name, resolve) : loaded;
            }
        }

        /** Returns null if the class is neither the engine's nor the test's implementation. */
        private Class<?> find(String name) throws ClassNotFoundException {
            if (name.equals(implementation) || name.startsWith(implementation + "$")) {
                return defineAgain(name);
            }
            return isOfEngine(name) ? findClass(name) : null;
        }

        private boolean isOfEngine(String name) {
            return findResource(file(name)) != null;
        }

        private Class<?> defineAgain(String name) throws ClassNotFoundException {
            try (InputStream in = getParent().getResourceAsStream(file(name))) {
                if (in == null) {
                    throw new ClassNotFoundException(name);
                }
                byte[] code = in.readAllBytes();
                return defineClass(name, code, 0, code.length);
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }

        private static String file(String name) {
            return name.replace('.', '/') + ".class";
        }

        /** The engine's own first, and the tests' only where it has none: services of two versions do not mix. */
        @Override
        public URL getResource(String name) {
            URL own = findResource(name);
            return own == null ? super.getResource(name) : own;
        }

        @Override
        public Enumeration<URL> getResources(String name) throws IOException {
            Enumeration<URL> own = findResources(name);
            return own.hasMoreElements() ? own : super.getResources(name);
        }
    }
}
