/** What a page of experiments holds as JSON, for the program in it. All text is foreign: printable, and not escaped. */
export interface PageData {
  readonly title: string;
  /** ISO 8601. */
  readonly made: string;
  /** Significant digits that are shown of fractions. */
  readonly precision: number;
  readonly columns: readonly PageColumn[];
  readonly rows: readonly PageRow[];
}

export interface PageColumn {
  readonly label: string;
  readonly kind: 'metrics' | 'params';
  /** Every value is a number, or there is none. */
  readonly numeric: boolean;
}

export interface PageRow {
  readonly kind: 'workspace' | 'baseline' | 'experiment';
  readonly name: string;
  /** Beginning of the commit's ID; '' for the work tree. */
  readonly id: string;
  /** Name of the baseline that it belongs to; '' for the work tree. */
  readonly group: string;
  /** ISO 8601, or ''. */
  readonly created: string;
  /** By column, with all digits; null: no value. */
  readonly cells: readonly (string | null)[];
  /** Indexes of columns whose cell differs from the baseline. */
  readonly changed: readonly number[];
}
