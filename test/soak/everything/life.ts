/**
 * The value of a numbered record is the generation of its agent times this, and its number in that life: so agents come
 * back under their names, as they do where a coordinator has slots, and are told apart all the same.
 */
export const LIFE = 1_000_000;
