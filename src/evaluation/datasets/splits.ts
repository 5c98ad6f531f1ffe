import { parse } from 'yaml';
import { z } from 'zod';
import { isRowFile, ROW_FORMATS } from './row-files.ts';

const Paths = z.union([z.string(), z.array(z.string())]);
const DataFiles = z.union([z.string(), z.array(z.union([z.string(), z.object({ split: z.string(), path: Paths })]))]);
const Card = z.object({
  configs: z
    .array(
      z.object({
        config_name: z.string(),
        default: z.boolean().optional(),
        data_dir: z.string().optional(),
        data_files: DataFiles.optional(),
      }),
    )
    .optional(),
});
type Config = NonNullable<z.infer<typeof Card>['configs']>[number];

/** The files that a split is made of, or why they cannot be told. */
export type SplitFiles =
  | { readonly kind: 'found'; readonly files: readonly string[]; readonly by: 'card' | 'name' }
  | { readonly kind: 'unknown'; readonly reason: string };

/** What a split is called in file names, as the hub's data viewer takes them. */
const SPLIT_NAMES: Readonly<Record<string, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'dev', 'val'],
  test: ['test', 'testing', 'eval', 'evaluation'],
};

/**
 * The files of one config and split out of a repository's list: by the `configs` of its card (README.md's YAML head)
 * where it has them, else by the usual names (`data/test-00000-of-00001.parquet`, `main/test-*`, `test.jsonl`).
 * Of several formats only the first of Parquet, JSON Lines, JSON is taken.
 */
export function splitFiles(
  readme: string | null,
  files: readonly string[],
  config: string | null,
  split: string,
): SplitFiles {
  const readable = files.filter(isRowFile).sort();
  const configs = readme === null ? [] : cardConfigs(readme);
  if (configs.length > 0) {
    const chosen = chooseConfig(configs, config);
    if (chosen === null) {
      const names = configs.map((known) => known.config_name).join(', ');
      return { kind: 'unknown', reason: `it has no config ${config ?? '(default)'}, only ${names}` };
    }
    const patterns = splitPatterns(chosen, split);
    if (patterns.length > 0) {
      const globs = patterns.map(globExpression);
      const matched = oneFormat(readable.filter((file) => globs.some((glob) => glob.test(file))));
      if (matched.length > 0) return { kind: 'found', files: matched, by: 'card' };
      return { kind: 'unknown', reason: `no readable file matches its card's ${patterns.join(', ')}` };
    }
  }
  const named = oneFormat(byName(readable, config, split));
  if (named.length > 0) return { kind: 'found', files: named, by: 'name' };
  const some = readable.slice(0, 5).join(', ') || 'none';
  return { kind: 'unknown', reason: `no readable file is named after the split ${split}; readable files: ${some}` };
}

function cardConfigs(readme: string): readonly Config[] {
  const head = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readme)?.[1];
  if (head === undefined) return [];
  try {
    return Card.safeParse(parse(head, { maxAliasCount: 100 })).data?.configs ?? [];
  } catch {
    return [];
  }
}

function chooseConfig(configs: readonly Config[], name: string | null): Config | null {
  if (name !== null) return configs.find((config) => config.config_name === name) ?? null;
  const marked = configs.find((config) => config.default === true || config.config_name === 'default');
  return marked ?? (configs.length === 1 ? (configs[0] ?? null) : null);
}

function splitPatterns(config: Config, split: string): readonly string[] {
  const { data_files, data_dir } = config;
  const inDir = (path: string): string =>
    data_dir === undefined || data_dir === '.' ? path : `${data_dir.replace(/\/+$/, '')}/${path}`;
  if (data_files === undefined) return [];
  const entries = typeof data_files === 'string' ? [data_files] : data_files;
  const patterns = entries.flatMap((entry) => {
    // A bare path belongs to the split `train`, as the datasets library has it.
    if (typeof entry === 'string') return split === 'train' ? [entry] : [];
    return entry.split === split ? [entry.path].flat() : [];
  });
  return patterns.map((path) => inDir(path.replace(/^\.?\//, ''))).filter(isSimple);
}

function byName(files: readonly string[], config: string | null, split: string): readonly string[] {
  const names = (SPLIT_NAMES[split] ?? [split]).map((name) => name.replace(/[^\w-]/g, ''));
  const word = new RegExp(`(?:^|[-._/ ])(?:${names.join('|')})(?:[-._/ ]|$)`, 'i');
  const inConfig = config === null ? [] : files.filter((file) => file.startsWith(`${config}/`));
  const inData = files.filter((file) => file.startsWith('data/'));
  for (const group of [inConfig, inData, files]) {
    const matched = group.filter((file) => word.test(file.slice(file.lastIndexOf('/') + 1)));
    const found = matched.length > 0 ? matched : group.filter((file) => word.test(file));
    if (found.length > 0) return found;
  }
  return [];
}

function oneFormat(files: readonly string[]): readonly string[] {
  for (const ending of ROW_FORMATS) {
    const same = files.filter((file) => file.toLowerCase().endsWith(ending));
    if (same.length > 0) return same;
  }
  return [];
}

/** The card is foreign text: a pattern with many wildcards could take for ever to match. */
const isSimple = (glob: string): boolean => glob.length <= 200 && (glob.match(/\*+/g) ?? []).length <= 3;

/** A glob as the card writes them: `*` and `?` within a folder, `**` across folders, `[…]`. */
function globExpression(glob: string): RegExp {
  const source = glob.replace(/\*\*\/|\*\*|\*|\?|\[[\w-]+\]|[\\^$.|+(){}[\]]/g, (token) => {
    if (token === '**/') return '(?:[^/]+/){0,20}';
    if (token === '**') return '.*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    return token.length > 1 ? token : `\\${token}`;
  });
  return new RegExp(`^${source}$`);
}
