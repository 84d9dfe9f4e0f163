// The schemas of bench/project/schemas/shop.py in zod: what they lack is stripped, as there. Dates
// are checked and stay text.
import * as z from "zod";

const Address = z.object({
  street: z.string(),
  city: z.string(),
  postal_code: z.string(),
  country: z.string(),
});

export const User = z.object({
  id: z.int(),
  username: z.string(),
  first_name: z.string(),
  last_name: z.string(),
  email: z.string(),
  phone: z.string().nullable(),
  born_on: z.iso.date(),
  loyalty: z.enum(["none", "silver", "gold"]),
  image: z.string(),
  addresses: z.array(Address),
});

const OrderItem = z.object({
  product_id: z.int(),
  quantity: z.int().gte(1),
  unit_price: z.number(),
});

const Order = z.object({
  id: z.int(),
  user_id: z.int(),
  status: z.enum(["placed", "paid", "shipped", "delivered", "cancelled"]),
  placed_at: z.iso.datetime({ offset: true }),
  currency: z.string(),
  items: z.array(OrderItem),
  shipping: z.number(),
  total: z.number(),
  tracking: z.string().nullable(),
});

export const OrderPage = z.object({
  orders: z.array(Order),
  total: z.int(),
  limit: z.int(),
});

const Dimensions = z.object({
  width: z.number(),
  height: z.number(),
  depth: z.number(),
});

const Product = z.object({
  id: z.int(),
  title: z.string(),
  description: z.string(),
  category: z.string(),
  brand: z.string().nullable(),
  price: z.number(),
  rating: z.number().gte(0).lte(5),
  stock: z.int(),
  tags: z.array(z.string()),
  dimensions: Dimensions,
  images: z.array(z.string()),
});

export const ProductList = z.object({ products: z.array(Product) });
