/** A real server on a loopback port, started for a test or for trying the cluster profile. */
export type RunningServer = {
  /** How a client reaches it; the same after a restart. */
  readonly url: string;
  /** SIGKILL: what was not yet on the disk is lost, as in a crash. */
  kill(): Promise<void>;
  /** Kills it if it runs, and starts it again on the same data and port. */
  restart(): Promise<void>;
  /** It keeps its connections and answers nothing, as a machine does that swaps or hangs. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** For good; a data folder that was made for it goes, too. */
  stop(): Promise<void>;
};

export type ServerOptions = {
  /** Where the data lie and stay, together with the port: a replica set knows itself by its address. Absent: a temporary folder that lives as long as the server. */
  readonly dataDir?: string;
};

/** What is started in a folder and on a port that have been chosen for it. */
export type Launch = { readonly dataDir: string; readonly port: number };

export type Command = { readonly program: string; readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> };

/** The machine's own program, or the folder that `install` has filled. */
export type Installation = { readonly program: string } | { readonly folder: string };

/** How one kind of server comes onto the machine and is started. `startServer` runs it; nothing else distinguishes Docker from a process. */
export type ServerRecipe = {
  /** For people and for the names of folders: `redis`. */
  readonly name: string;
  readonly native: {
    /** Name and version; installed once under it. */
    readonly installation: string;
    /** The server's program; where the machine has it already, that one is used and nothing is installed. */
    readonly program: string;
    /** Fetches the programs into the folder. Throws when this machine has no means to. */
    install(folder: string): Promise<void>;
    /** Called before each start; may prepare the data folder. */
    command(launch: Launch & { readonly installation: Installation }): Promise<Command>;
    /** What a person installs so that `install` can work, as the end of a sentence: `apt-get, or redis-server itself`. */
    readonly needs: string;
  };
  /** Absent: it runs natively only. */
  readonly docker?: {
    readonly image: string;
    /** The server listens on the port of the launch inside the container, too, and has its data in `/data`. */
    command(launch: Launch): readonly string[];
    readonly entrypoint?: readonly string[];
    readonly env?: (launch: Launch) => Readonly<Record<string, string>>;
  };
  readonly url: (port: number) => string;
  /** Whether it answers; asked again and again until it does. */
  isReady(port: number): Promise<boolean>;
  /** What a new server needs once it answers, such as a bucket. Must be repeatable: it runs after each first start on a data folder. */
  prepare?(port: number): Promise<void>;
};
